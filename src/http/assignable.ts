/**
 * Makes getters of a class assignable, as the plain properties of `net.Socket` and `tls.TLSSocket` are: a value that is
 * assigned replaces the getter, for this object only.
 */
export function makeAssignable(prototype: object, names: readonly string[]): void {
  for (const name of names) {
    Object.defineProperty(prototype, name, {
      ...Object.getOwnPropertyDescriptor(prototype, name),
      set(this: object, value: unknown) {
        Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
      },
    });
  }
}
