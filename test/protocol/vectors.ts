/** Records written by hand, as hex, with the section of the FastCGI specification that they come from. */

/** A record and how it is written. */
export interface Vector {
  readonly name: string;
  readonly hex: string;
  readonly type: number;
  readonly requestId: number;
  readonly content: string;
}

export const records: readonly Vector[] = [
  {
    name: "BEGIN_REQUEST, Responder, KEEP_CONN (5.1)",
    hex: "01 01 0001 0008 00 00 0001 01 0000000000",
    type: 1,
    requestId: 1,
    content: "0001010000000000",
  },
  { name: "ABORT_REQUEST (5.4)", hex: "01 02 0001 0000 00 00", type: 2, requestId: 1, content: "" },
  {
    name: "END_REQUEST, appStatus 938, complete (5.5)",
    hex: "01 03 0001 0008 00 00 000003aa 00 000000",
    type: 3,
    requestId: 1,
    content: "000003aa00000000",
  },
  { name: "the end of PARAMS (5.2)", hex: "01 04 ffff 0000 00 00", type: 4, requestId: 65535, content: "" },
  {
    name: "STDIN with 5 bytes, padded to 8 (3.3)",
    hex: "01 05 0001 0005 03 00 68656c6c6f 000000",
    type: 5,
    requestId: 1,
    content: "68656c6c6f",
  },
  {
    name: "padding that is not zero, and a reserved byte that is not (3.3)",
    hex: "01 06 0102 0001 02 ff 41 ffff",
    type: 6,
    requestId: 258,
    content: "41",
  },
  {
    name: "padding without content (3.3)",
    hex: "01 07 0001 0000 04 00 deadbeef",
    type: 7,
    requestId: 1,
    content: "",
  },
  {
    name: "a type that nobody knows (4.2)",
    hex: "01 ff 0000 0002 00 00 abcd",
    type: 255,
    requestId: 0,
    content: "abcd",
  },
];

export const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** Name-value pairs (3.4): the four forms of the lengths, and the boundary between them. */
export const pairs: readonly {
  readonly name: string;
  readonly stream: Buffer;
  readonly decoded: [string, string][];
}[] = [
  { name: "nothing", stream: bytes(""), decoded: [] },
  {
    name: "two short pairs",
    stream: bytes("01 02 41 6263 03 00 444546"),
    decoded: [
      ["A", "bc"],
      ["DEF", ""],
    ],
  },
  { name: "an empty name", stream: bytes("00 01 78"), decoded: [["", "x"]] },
  {
    name: "lengths in four bytes although one would do",
    stream: bytes("80000001 80000002 41 6263"),
    decoded: [["A", "bc"]],
  },
  {
    name: "127 bytes, the longest short length",
    stream: Buffer.concat([bytes("01 7f 41"), Buffer.alloc(127, "v")]),
    decoded: [["A", "v".repeat(127)]],
  },
  {
    name: "128 bytes, the shortest long one",
    stream: Buffer.concat([bytes("01 80000080 41"), Buffer.alloc(128, "v")]),
    decoded: [["A", "v".repeat(128)]],
  },
  {
    name: "a long name",
    stream: Buffer.concat([bytes("80000080 00"), Buffer.alloc(128, "n")]),
    decoded: [["n".repeat(128), ""]],
  },
  {
    name: "65,536 bytes",
    stream: Buffer.concat([bytes("01 80010000 41"), Buffer.alloc(65_536, "v")]),
    decoded: [["A", "v".repeat(65_536)]],
  },
  { name: "bytes over 127", stream: bytes("01 02 e9 c3a9"), decoded: [["\u00e9", "\u00c3\u00a9"]] },
  {
    name: "a name twice",
    stream: bytes("01 01 41 31 01 01 41 32"),
    decoded: [
      ["A", "1"],
      ["A", "2"],
    ],
  },
];

/** Streams whose lengths point beyond their end. */
export const brokenPairs: readonly string[] = [
  "05",
  "01 01",
  "01 01 41",
  "80",
  "80 00 00",
  "01 80 00 00",
  "ffffffff ffffffff",
  "00 ffffffff",
  "01 02 41 62",
];
