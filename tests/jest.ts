/** `node tools/run.mjs tests/jest.ts STAGE [arguments of jest]`: runs the test files of one stage. jest.config.js reads STAGE. */
import { run } from 'jest';
import { stageNamed } from './stages.ts';

const [name = ''] = process.argv.splice(2, 1);
process.env['STAGE'] = stageNamed(name).name;
process.env['NODE_ENV'] ??= 'test';
await run();
