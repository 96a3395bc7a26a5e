// Prints the table of differences between web servers as markdown: `npx tsx test/http-suite/table.ts`
import { renderDifferences } from "./differences.ts";

console.log(renderDifferences());
