/**
 * `npm run ops`: what an operator does by hand. Shows uploads, has failed ones tried again, cancels some, erases a
 * person's data, empties the dead letters, probes IPD, and sends one file through a deployment. Never prints a secret.
 */
import { runCommand } from './command.ts';
import { carryOut, readOrder } from './ops/orders.ts';

const USAGE = `Usage: npm run ops -- COMMAND [options]

  list                 uploads with work left, including failed ones whose file is kept
  show ID              one upload in full, with its history
  redrive [ID…]        tries failed uploads again; if IPD may have the file, IPD is checked first
  cancel ID…           cancels uploads and removes their files, as long as IPD cannot have them
  erase --owner SUB    removes a person's data from the table and from storage
  dead-letters         messages that no delivery could process; --redrive puts them back on the delivery queue
  logs [FUNCTION…]     queries the log groups (uploads, uppy, attach, deliver, sweep, or api for the access log)
  rotate-key ipd       stores a new key or password of IPD, and tells when the old one is not used any more
  rotate-key signing   makes a new key for signing URLs; called again later, it deletes the previous key
  probe                tests a real IPD tenant on a scratch work item and prints the settings that follow
  smoke                sends one small file through a deployment and waits until IPD has it
  protect              keeps the table from being deleted, once the first deploy is done

Which deployment:
  --stage NAME         the one that was deployed as this stage; needs the AWS command line interface (aws)
  --settings FILE      the one with these settings, in JSON, as \`aws lambda get-function-configuration
                       --function-name ipd-attachment-bridge-STAGE-uploads --query Environment.Variables\` prints them
  --local              the stack that npm start runs
                       none of them: STAGING_BUCKET, UPLOADS_TABLE and DELIVERY_QUEUE_URL are in the environment
  --profile NAME       credentials and region, as AWS_PROFILE does; --region NAME, as AWS_REGION does

Which uploads (list, redrive):
  --state STATE        awaiting_upload, staged, delivering, waiting, unconfirmed, delivered, failed, expired, cancelled,
                       or open for all that have not ended; several with commas (not for redrive: it takes failed ones)
  --owner SUB          (list) all uploads of one person, the \`sub\` of the token; also those that have ended
  --code CODE          whose last error is this
  --source SOURCE      how they came: api, uppy, attach, or ingest for what producers offer (drop or request for one kind)
  --project ID
  --older-than AGE     created longer ago than 30m, 2h, 3d; --younger-than AGE
  --limit N            100 if not given
  --scan               reads the whole table, which DynamoDB bills: without --owner the only way to find ended uploads

redrive
  --reason WORDS       why; it is kept in the record with who did it (--by NAME, the name of the login if not given)
  --dry-run            only says what would happen
  --all                takes all failed uploads; needed when no other option chooses

cancel
  --reason WORDS       why; it is kept in the record with who did it (--by NAME)

erase
  --owner SUB          the person, as the \`sub\` of the tokens names it
  --dry-run            only says what would happen, and what IPD keeps: keep that list
  --yes --reason WORDS really does it; the reason and --by NAME are kept, so write a number, not the person's name

dead-letters
  --redrive            at most --limit of them

logs (needs --stage and the AWS command line interface)
  --query WORDS        in the language of CloudWatch Logs Insights
  --since AGE          3h if not given

rotate-key (needs --stage and the AWS command line interface)
  --from FILE          (ipd) the new secret in JSON, standard input if not given; other fields keep their value
  --project ID --issue ID   (ipd) lists this work item with it first, and stores it only when IPD answers
  --check              (ipd) only tells whether every function has the new one

probe and smoke
  --project ID --issue ID   the work item; what is attached to it can only be removed by hand in IPD
  --patience SECONDS   how long to wait at most (60; smoke 120)

probe: IPD's settings and credentials are those of the deployment, or IPD_* of the environment
  --yes                really attaches up to about 80 files
  --sizes BYTES,…      11000000,13000000,49000000,51000000 if not given
  --refine STEPS       halves the gap between the sizes taken and refused this many times (0)
  --rate-seconds N     how long to send at full speed (10); --slow-seconds N  how long the slow body takes (60)
  --quiet-seconds N    the pause before the parallel, rate and size measurements (5)
  --fill               also attaches until the work item is full: 101 files or 55 MB
  --record FILE        writes what IPD answered, without secrets, names and ids, so that it can be shared

smoke
  --api URL            where the API is, if --stage or --local does not tell
  --token TOKEN        a user's JWT (default: $UPLOAD_TOKEN; --local makes one)

  --json               the last line is JSON and the only one on standard output; for programs call npm run -s ops
  --help

Exit codes: 0 well, 1 something failed, 2 wrong usage.`;

process.exitCode = await runCommand({
  usage: USAGE,
  read: () => readOrder(process.argv.slice(2)),
  run: (order, signal) => {
    const print = (line: string): void => console.log(line);
    const note = (line: string): void => console.error(line);
    return carryOut(order, { signal, print, note });
  },
});
