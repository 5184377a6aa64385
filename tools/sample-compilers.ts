/**
 * The compilers of samples/, where this machine has them: Debian's swiftlang; Kotlin's own from npm, which
 * samples/android/package.json locks and a Java runtime runs; TypeScript as samples/expo/package.json locks it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '..');
const DRIVERS = 'tests/conformance/drivers';
const ANDROID = join(ROOT, 'samples/android');
const EXPO = join(ROOT, 'samples/expo');
const KOTLIN = join(ANDROID, 'node_modules/kotlin-compiler/lib');
const COROUTINES = join(KOTLIN, 'kotlinx-coroutines-core-jvm.jar');
/** Android's own org.json, from Debian's libandroid-json-java. */
const JSON_JAR = '/usr/share/java/com.android.json.jar';

/** What Foundation says on Linux of what works on Apple's systems only. */
const LINUX_ONLY = 'swift-corelibs-foundation does not support background URLSession';

/** `problem` is what the compiler said; undefined when it is content. */
export type Compiled = { kind: 'compiled'; problem: string | undefined } | { kind: 'not run'; why: string };

/** The sources as a program, or, without an `output`, only checked. Warnings are errors. */
export function compileSwift({
  sources,
  output,
  flags = [],
}: {
  sources: string[];
  output?: string;
  flags?: string[];
}): Compiled {
  if (!has('swiftc', '--version')) return { kind: 'not run', why: 'no swiftc (apt-get install swiftlang)' };
  const mode = output === undefined ? ['-typecheck'] : ['-O', '-o', output];
  const result = run('swiftc', ['-parse-as-library', ...flags, ...mode, ...sources]);
  const warnings = result.stderr.split('\n').filter((line) => line.includes(' warning: '));
  return warnings.every((line) => line.includes(LINUX_ONLY))
    ? compiled(result)
    : { kind: 'compiled', problem: warnings.join('\n') };
}

/** The stubs of UIKit as a module, for sources that import it. `directory` is for `-I`. */
export function compileUIKit(directory: string): Compiled {
  mkdirSync(directory, { recursive: true });
  const module = [
    '-emit-module',
    '-module-name',
    'UIKit',
    '-emit-module-path',
    join(directory, 'UIKit.swiftmodule'),
  ];
  return compileSwift({ sources: [join(ROOT, 'samples/ios/stubs/UIKit.swift')], flags: module });
}

/** Classes into the directory `output`. */
export function compileKotlin({ sources, output }: { sources: string[]; output: string }): Compiled {
  const lacking = kotlinLacks();
  if (lacking !== undefined) return { kind: 'not run', why: lacking };
  const compiler = ['-cp', join(KOTLIN, 'kotlin-compiler.jar'), 'org.jetbrains.kotlin.cli.jvm.K2JVMCompiler'];
  const flags = [
    '-no-reflect',
    '-Werror',
    '-jvm-target',
    '17',
    '-classpath',
    [COROUTINES, JSON_JAR].join(':'),
  ];
  return compiled(run('java', ['-Xmx1g', ...compiler, ...flags, '-d', output, ...sources]));
}

/** The Expo sample and packages/expo, against the real packages. */
export function checkExpo(): Compiled {
  if (!install(EXPO)) return { kind: 'not run', why: 'the packages of samples/expo cannot be installed' };
  return compiled(run(process.execPath, [join(EXPO, 'node_modules/typescript/bin/tsc'), '-p', EXPO]));
}

/** How a driver of the conformance suite is started, or why it cannot be. */
export type Start = { kind: 'built'; commandLine: string[] } | { kind: 'not run'; why: string };

/** The logic of the iOS sample as a driver; `directory` gets the program. Throws what the compiler says against it. */
export function buildSwiftDriver(directory: string): Start {
  const output = join(directory, 'swift-driver');
  const sources = ['samples/ios/BridgeUpload.swift', `${DRIVERS}/Phone.swift`].map((path) =>
    join(ROOT, path),
  );
  return built(compileSwift({ sources, output, flags: ['-swift-version', '6'] }), [output]);
}

/** The logic of the Android sample as a driver; `directory` gets the classes. Throws what the compiler says against it. */
export function buildKotlinDriver(directory: string): Start {
  const output = join(directory, 'kotlin-driver');
  const sources = ['samples/android/BridgeUpload.kt', `${DRIVERS}/Phone.kt`].map((path) => join(ROOT, path));
  const classPath = [output, COROUTINES, JSON_JAR, join(KOTLIN, 'kotlin-stdlib.jar')].join(':');
  const java = [
    'java',
    '-Xmx256m',
    '-XX:TieredStopAtLevel=1',
    '-cp',
    classPath,
    'bridge.conformance.PhoneKt',
  ];
  return built(compileKotlin({ sources, output }), java);
}

function built(result: Compiled, commandLine: string[]): Start {
  if (result.kind === 'not run') return result;
  if (result.problem !== undefined) throw new Error(result.problem);
  return { kind: 'built', commandLine };
}

function kotlinLacks(): string | undefined {
  if (!has('java', '-version')) return 'no Java (apt-get install default-jre-headless)';
  if (!existsSync(JSON_JAR)) return 'no org.json (apt-get install libandroid-json-java)';
  return install(ANDROID) ? undefined : 'the packages of samples/android cannot be installed';
}

/** Each has a lockfile of its own: the `npm ci` of a newcomer loads no compiler and no React Native. */
function install(folder: string): boolean {
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  return existsSync(join(folder, 'node_modules')) || run('npm', ['ci', ...flags], folder).status === 0;
}

function has(command: string, argument: string): boolean {
  return spawnSync(command, [argument], { stdio: 'ignore' }).status === 0;
}

function run(command: string, args: string[], cwd = ROOT) {
  return spawnSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function compiled({ status, stdout, stderr }: ReturnType<typeof run>): Compiled {
  return { kind: 'compiled', problem: status === 0 ? undefined : `${stdout}${stderr}`.trim() };
}
