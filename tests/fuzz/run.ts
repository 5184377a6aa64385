/** `npm run fuzz`: a campaign of any length. Ends with 1 when an answer is wrong. */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';
import { summarize, troublesOf } from './summary.ts';

const HELP = `npm run fuzz -- [options]
  --inputs N  how many (100000)
  --seed N    the same seed makes the same inputs; without it, one from the clock
  --json      the last line is one JSON object`;

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) console.log(HELP);
else await run();

async function run(): Promise<void> {
  // The product's log lines are checked, not printed.
  await import('../support/quiet.ts');
  const report = await runCampaign({
    inputs: Number(values.inputs),
    seed: Number(values.seed),
    onProgress: (done, heapMb) => console.error(`${done} inputs, ${heapMb} MB in use`),
  });
  console.log(values.json ? JSON.stringify(report) : summarize(report).join('\n'));
  if (troublesOf(report).length > 0) process.exitCode = 1;
}
