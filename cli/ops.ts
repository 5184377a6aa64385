/**
 * `npm run ops`: what an operator does by hand. Looks at uploads, has failed ones tried again, empties the dead
 * letters, measures IPD, and sends one file through a deployment. Never prints a secret.
 */
import { runCommand } from './command.ts';
import { carryOut, readOrder } from './ops/orders.ts';

const USAGE = `Usage: npm run ops -- COMMAND [options]

  list                 uploads that something is still to be done for, failed ones whose file is kept included
  show ID              everything that is known of one upload, with its history
  redrive [ID…]        has failed uploads tried again; one that IPD may have is looked for first
  dead-letters         messages that could not be worked off; --redrive puts them back on the delivery queue
  probe                measures a real IPD tenant on a scratch work item and prints the settings to use
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
                       or open for all that have not ended; several with commas (redrive takes failed ones anyway)
  --code CODE          whose last error is this
  --project ID
  --older-than AGE     created longer ago than 30m, 2h, 3d; --younger-than AGE
  --limit N            100 if not given
  --scan               reads the whole table, which DynamoDB bills: the only way to find what is over for good

redrive
  --reason WORDS       why; it is kept in the record with who did it (--by NAME, the name of the login if not given)
  --dry-run            only says what would happen
  --all                when nothing else says which

dead-letters
  --redrive            at most --limit of them

probe and smoke
  --project ID --issue ID   the work item; what is attached to it can only be removed by hand in IPD
  --patience SECONDS   how long to wait at most (60; smoke 120)

probe: IPD's settings and credentials are those of the deployment, or IPD_* of the environment
  --yes                really attaches up to about 80 files
  --sizes BYTES,…      11000000,13000000,49000000,51000000 if not given
  --refine STEPS       halves the gap between what was taken and what was refused so many times (0)
  --rate-seconds N     how long to send as fast as it goes (10); --slow-seconds N  how long a body trickles (60)
  --quiet-seconds N    the rest before anything that is counted by time (5)
  --fill               also attaches until the work item is full: 101 files or 55 MB

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
