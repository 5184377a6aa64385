/** How esbuild bundles the functions so that they start fast: serverless.yml names this file. */
import { readFile } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { basename, extname } from 'node:path';

/** Packages may import `node:http` as `http`, too. */
const BUILTIN = new RegExp(`^(node:)?(${builtinModules.join('|')})$`);
const IDENTIFIER = /^[a-zA-Z_$][\w$]*$/;

/**
 * Node's modules without their ESM form, which reads every export at once: node:http then loads all of fetch and
 * WebSocket. Here each export is a pure expression of its own, so that only the exports in use are read.
 * https://nodejs.org/docs/latest-v24.x/api/process.html#processgetbuiltinmoduleid
 */
const plainBuiltins = {
  name: 'plain-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: BUILTIN }, ({ path, kind }) => ({
      path: path.replace(/^(node:)?/, 'node:'),
      namespace: kind === 'import-statement' ? 'builtin-imported' : 'builtin-required',
      sideEffects: false,
    }));
    onLoad({ filter: /.*/, namespace: 'builtin-required' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('${path}');`,
    }));
    onLoad({ filter: /.*/, namespace: 'builtin-imported' }, ({ path }) => {
      const names = Object.keys(process.getBuiltinModule(path)).filter(
        (name) => IDENTIFIER.test(name) && name !== 'default',
      );
      return {
        contents: [
          `const all = /* @__PURE__ */ process.getBuiltinModule('${path}');`,
          'export { all as default };',
          ...names.map((name) => `const $${name} = /* @__PURE__ */ (() => all.${name})();`),
          `export { ${names.map((name) => `$${name} as ${name}`).join(', ')} };`,
        ].join('\n'),
      };
    });
  },
};

/** Names each chunk after its function, so that the packager knows into which zip it belongs. */
const ownChunks = {
  name: 'own-chunks',
  setup({ initialOptions }) {
    const [entry] = initialOptions.entryPoints;
    initialOptions.chunkNames = `${basename(entry, extname(entry))}.[hash]`;
  },
};

/**
 * Credentials come from the environment: Lambda puts them there, and lib/runtime/config.ts reads those that sign URLs.
 * The SDK's other sources (profiles, SSO, web identity, instances) would split each bundle into many small files.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
const lambdaCredentials = {
  name: 'lambda-credentials',
  setup({ onResolve, onLoad }) {
    const namespace = 'lambda-credentials';
    onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, ({ path, resolveDir }) => ({
      path,
      namespace,
      pluginData: { resolveDir },
      sideEffects: false,
    }));
    onLoad({ filter: /.*/, namespace }, ({ pluginData: { resolveDir } }) => ({
      contents: "export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env';",
      resolveDir,
    }));
  },
};

/**
 * The SDK describes each operation's input and output in an array. esbuild keeps all of them, since their computed keys
 * might have side effects. They have none, so this plugin lets esbuild drop the arrays of unused operations.
 */
const pureSchemas = {
  name: 'pure-schemas',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]schemas[\\/]schemas_0\.js$/ }, async ({ path }) => {
      const code = await readFile(path, 'utf8');
      return {
        contents: code.replaceAll(
          /^(export )?var (\S+) = (\[[^]*?\]);$/gm,
          '$1var $2 = /* @__PURE__ */ (() => $3)();',
        ),
      };
    });
  },
};

export default [plainBuiltins, ownChunks, lambdaCredentials, pureSchemas];
