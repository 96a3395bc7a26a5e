import { abort } from "./cases/abort.ts";
import { closing } from "./cases/closing.ts";
import { getValues, unknownType } from "./cases/management.ts";
import { multiplexing } from "./cases/multiplexing.ts";
import { pairs } from "./cases/pairs.ts";
import { records } from "./cases/records.ts";
import { authorizer, begin, end, filter, params } from "./cases/requests.ts";
import { response } from "./cases/response.ts";
import { robustness } from "./cases/robustness.ts";
import { streams } from "./cases/streams.ts";
import type { Section } from "./suite.ts";

/** All sections, in the order of the specification. */
export const sections: readonly Section[] = [
  records,
  multiplexing,
  pairs,
  closing,
  getValues,
  unknownType,
  begin,
  params,
  streams,
  abort,
  end,
  response,
  authorizer,
  filter,
  robustness,
];
