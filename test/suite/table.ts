// Prints the table of differences between front ends as markdown: `npx tsx test/suite/table.ts`
import { renderDifferences } from "./differences.ts";

console.log(renderDifferences());
