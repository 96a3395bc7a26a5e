// Prints the table of differences between front ends as markdown: `npx tsx test/http-suite/table.ts`
import { renderDifferences } from "./differences.ts";

console.log(renderDifferences());
