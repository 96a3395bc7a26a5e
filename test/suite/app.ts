import type { RequestListener } from "node:http";
import type { Address, AppName } from "./target.ts";

/** Creates the contract application, mounted in the framework. */
export function createContractApp(_name: AppName): RequestListener {
  throw new Error("not written yet");
}

/** A started control listener; its address goes into `RunningTarget.control`. */
export interface Control extends Address {
  close(): Promise<void>;
}

/** Starts the control listener: plain HTTP on a free port of loopback, beside the application, in its process. */
export function startControl(): Promise<Control> {
  throw new Error("not written yet");
}
