// A module, for want of an application.
export default function listener(): void {}
