/** The texts of the command line in English. Data only: `{name}` is a place for a value. */
import { opsEn } from './ops-en.ts';

/** All texts of one language. */
export type Texts = Worded<typeof en>;

/** A group that is read by a code has the same type in every language. */
type Worded<T> = {
  readonly [K in keyof T]: T[K] extends string ? string : string extends keyof T[K] ? T[K] : Worded<T[K]>;
};

/** What the client finds out by itself. In English its `detail` says it, as that of the API does. */
const codes: Record<string, string> = {};

/** What a field of a request must be, by the words of lib/domain/fields.ts, which are English already. */
const rules: Record<string, string> = {};

export const en = {
  /** As in the --lang option, and for Intl. */
  language: 'en',

  /** Between the members of a list, the parts of a line and its clauses; between two. */
  separators: { members: ', ', parts: ', ', clauses: '; ', and: ' and ' },

  usage: {
    more: 'Try --help.',
    noOption: 'There is no option {option}',
    wrong: '{reason}',
    language: '--lang {value}: there are {languages}',
    needsFile: 'Name at least one file',
    noUrl: '--api {value} is not a URL',
    needsToken: '--token or UPLOAD_TOKEN is needed with --api',
    needsWorkItem: '--project and --issue are needed with {option}',
    wrongProject: "--project must be the project's 32 letters and digits",
    wrongIssue: "--issue must be the work item's id of 18 or 19 digits",
    noNumber: '--{option} {value} is no whole number',

    demo: `Usage: npm run demo [-- FILE…] [--json]

Starts the embedded stack, uploads the files (a sample if none) and shows what IPD received.
With --json (npm run -s demo -- --json) the only line is {"uploads":[…]}. Exit code 0 when all arrived unchanged.
--lang en|zh-CN is the language (default: that of LC_ALL, LC_MESSAGES or LANG).`,

    upload: `Usage: npm run upload -- [options] FILE…

Uploads files and attaches them to an IPD work item. Without --api they go to the stack that npm start runs.
A file that is too large for an attachment becomes a link of the work item, where the bridge is set so.
A run that died is continued by the same command: what storage has is not sent again.

  --api URL            where the API is, such as https://uploads.example.com
  --token TOKEN        the user's JWT (default: $UPLOAD_TOKEN)
  --project ID         the project, 32 letters and digits
  --issue ID           the work item, 18 or 19 digits
  --content-type TYPE  for all files (default: by extension)
  --patience SECONDS   how long to wait while nothing answers (default: 30)
  --again              attach files once more that are attached to the work item already
  --lang en|zh-CN      the language (default: that of LC_ALL, LC_MESSAGES or LANG)
  --json               print nothing but one line of JSON: {"uploads":[…]}, each as the API tells it and with
                       "alreadyAttached"; for programs call npm run -s upload
  --help               show this

Exit codes: 0 all attached or linked, 1 something failed, 2 wrong usage or no stack, 130 interrupted (what was under way is cancelled).`,

    drop: `Usage: npm run drop -- [options] FILE…

Puts files under ingest/ of the staging bucket, as a CI job or a device does, and follows each until IPD has it.
Without --stage they go to the stack that npm start runs. The same bytes under the same name are attached once.

  --project ID         the project, 32 letters and digits
  --issue ID           the work item, 18 or 19 digits
  --uploaded-by NAME   who sends them; people see it as what the producer says
  --content-type TYPE  for all files (default: by extension)
  --stage NAME         the deployment of this stage; needs the AWS command line interface (aws), and credentials
                       that may read the functions' settings and the table and put objects
  --profile NAME       credentials and region, as AWS_PROFILE does; --region NAME, as AWS_REGION does
  --lang en|zh-CN      the language (default: that of LC_ALL, LC_MESSAGES or LANG)
  --json               print nothing but one line of JSON: {"uploads":[…]}, each as the API tells it and with
                       "source" and "alreadyAttached"; for programs call npm run -s drop
  --help               show this

Exit codes: 0 all attached, 1 something failed, 2 wrong usage or no stack, 130 interrupted (what was put goes on).`,
  },

  progress: {
    staging: 'to storage',
    delivery: 'to IPD',
    resumes: 'resumes at {share}',
    took: 'in {seconds} s',
    waiting: 'waiting for IPD',
    nextTry: 'next try at {time}',
    inDoubt: 'in doubt; IPD is checked (minutes)',
    notTaken: 'not taken yet (minutes)',
    asLink: 'cannot be an attachment; the work item gets a link to it',
  },

  /** By the reason of the client. */
  paused: {
    offline: 'offline; waits for the network',
    no_answer: 'no answer; tries again',
    busy: 'busy; tries again',
  },

  outcome: {
    line: '{path}: {outcome}',
    delivered: 'attachment {id}',
    linked: 'link {url} until {day}',
    linkedUntil: 'link until {day}',
    noId: '(IPD did not tell the id)',
    ended: '{state}: {message} ({code})',
    alreadyAttached: 'was attached already: {outcome}{gone}; --again attaches it once more',
    gone: ', which IPD has no more',
    before: 'attached before as {id}',
    linkedBefore: 'linked before, until {day}',
  },

  demo: {
    failed: 'The demo failed: {reason}',
    result: 'result      {outcome}',
    name: 'name in IPD {name}',
    notFound: '(not found there)',
    equal: 'sha256      equal ({sha256})',
    notEqual: 'sha256      NOT equal ({sha256})',
    overdue: 'no end after {seconds} s',
  },

  refused: '{reason} ({code})',
  codes,
  rules,
  brokenRule: '{place} {rule}',

  trouble: {
    interrupted: 'interrupted',
    cancelled: '{reason}, and the upload was cancelled',
    notCancelled: 'Upload {id} goes on without us: it could not be cancelled any more',
    goesOn: '{reason}: upload {id} goes on without us',
    nothingDropped: '{reason}, and nothing was dropped',
    itsSize: '{reason}: it has {size} ({bytes} B)',
    continues: '{reason}; the same command goes on where this one stopped',
    tooLarge: 'it has {size} ({bytes} B), and at most {most} are taken (ingest_too_large)',
    wrongName: 'its name {fault} (ingest_malformed)',
    notPut: 'putting {key} failed',
    notShown: 'upload {id} cannot be shown',
    noRoomForNames: 'its name and --uploaded-by do not fit into {bytes} bytes of metadata',
    ingestionOff: 'Ingestion is off: set INGEST_PROJECTS',
    projectClosed: 'Project {id} is not open for ingestion: INGEST_PROJECTS does not name it',
  },

  stack: {
    none: 'No stack is running: run npm start in another terminal first',
    noneOrApi: 'No stack is running: run npm start in another terminal first, or give --api',
    silent: 'The stack does not answer at {url}: run npm start in another terminal first, or give --api',
    stopped: 'The stack of {directory} does not run any more: run npm start in another terminal first',
    answered: '{url} answered {status}',
  },

  place: {
    notNamed: 'No deployment is named: give --stage, --settings or --local, or set {names}',
    wrongSettings:
      'No deployment is named: give --stage, --settings or --local, or set what is wrong or missing ({reason})',
    noDeployment: 'There is no deployment of stage {stage} in this account in {where}: no function {name}',
    profileRegion: 'the region of the profile',
    noApi: 'The stack {name} does not tell where its API is: give --api',
    unreadable: '{path} cannot be read',
    noSettings: '{path} has no settings: one JSON object of names and texts is needed',
    signIn: 'Set AWS_PROFILE or give --profile, and sign in if it needs that (aws sso login).',
    noRegion: 'Set AWS_REGION or give --region: where the deployment is.',
    noTable: 'There is no such table in this account and region: are --stage and --region correct?',
    noQueue: 'There is no such queue in this account and region: are --stage and --region correct?',
  },

  /** Those of `npm run ops`. */
  ops: opsEn,
};
