/**
 * Returns the error of node:http's parser for a head over `maxHeaderSize`, for listeners of `clientError` that respond
 * with 431 to this code, as Fastify's does.
 */
export function headerOverflowError(details: string): Error {
  return Object.assign(new Error(`Parse Error: Header overflow (${details})`), {
    code: "HPE_HEADER_OVERFLOW",
    reason: "Header overflow",
  });
}

/** Returns the error of node:http's parser for a connection that ends within a request body. */
export function uploadCutError(): Error {
  return Object.assign(new Error("Parse Error: Invalid EOF state"), {
    code: "HPE_INVALID_EOF_STATE",
    reason: "Invalid EOF state",
  });
}

/** Returns the error that node:http gives to a request whose connection was lost. */
export function resetError(): Error {
  return Object.assign(new Error("aborted"), { code: "ECONNRESET" });
}

/** Returns the error that a stream passes to the callbacks of pending writes when it is destroyed. */
export function destroyedError(): Error {
  return Object.assign(new Error("Cannot call write after a stream was destroyed"), {
    code: "ERR_STREAM_DESTROYED",
  });
}
