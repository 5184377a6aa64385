/** A process that plays the range of schedules that it is given as JSON, and sends what they came to. */
import { z } from 'zod';
import { playRange } from './simulation.ts';

const range = z.object({ seed: z.number(), from: z.number(), to: z.number() });

process.send?.(await playRange(range.parse(JSON.parse(process.argv[2] ?? ''))));
