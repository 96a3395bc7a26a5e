export { startControl } from "./app/control.ts";
export { createContractApp } from "./app/frameworks.ts";
