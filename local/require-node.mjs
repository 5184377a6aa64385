/**
 * Preloaded by `npm start` (`node --import`): an older Node cannot read TypeScript, so it has to be told here, in
 * plain JavaScript that it understands, what to do.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `Node ${process.versions.node} is too old: this needs Node 22.18 or later (24 is best, see .nvmrc).\n`,
  );
  process.exit(1);
}
