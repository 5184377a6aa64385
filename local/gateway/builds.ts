/**
 * Builds one page after the other. Each build ends the service process of esbuild when it is done, and another build
 * that needed it would then wait for ever.
 */
let latest: Promise<unknown> = Promise.resolve();

/** Builds as soon as the builds before have ended, well or not. */
export function afterOthers<Built>(build: () => Promise<Built>): Promise<Built> {
  const next = latest.then(build, build);
  latest = next;
  return next;
}
