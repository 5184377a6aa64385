/** A process of its own for one trial: its argument is the trial, its only message the figures. */
import { playScale } from './scale.ts';
import type { Trial } from './scale.ts';

const trial: Trial = JSON.parse(process.argv[2] ?? '');
const began = performance.now();
const figures = await playScale(trial);
const tookSeconds = Math.round((performance.now() - began) / 1000);
const cpuSeconds = Math.round((process.cpuUsage().user + process.cpuUsage().system) / 1e6);
const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024);
process.send?.({ ...figures, tookSeconds, cpuSeconds, peakMiB });
