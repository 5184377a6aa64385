/** The texts of `npm run ops` in English. Data only: `{name}` is a place for a value. */

export const opsEn = {
  usage: `Usage: npm run ops -- COMMAND [options]

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
  --links              tries links and comments alone (OVERSIZE=link, COMMENT_ON_DELIVERY), and removes what it makes
  --record FILE        writes what IPD answered, without secrets, names and ids, so that it can be shared

smoke
  --api URL            where the API is, if --stage or --local does not tell
  --token TOKEN        a user's JWT (default: $UPLOAD_TOKEN; --local makes one)

  --lang en|zh-CN      the language (default: that of LC_ALL, LC_MESSAGES or LANG)
  --json               the last line is JSON and the only one on standard output; for programs call npm run -s ops
  --help

Exit codes: 0 well, 1 something failed, 2 wrong usage.`,

  wrong: {
    noCommand: 'Name a command',
    unknownCommand: 'There is no command {command}',
    takesNoOption: '{command} takes no option --{option}',
    takesNoNames: '{command} takes no names',
    onePlace: 'Give only one of --local, --stage and --settings',
    noAge: '--{option} {value} is no age: give 30m, 2h or 3d',
    noState: 'There is no state {value}: it is one of {values}, or open',
    noCode: 'There is no code {value}: it is one of {values}',
    noSource: 'There is no source {value}: it is one of {values}',
    noLog: 'There is no log of {value}: it is one of {values}',
    noId: '{id} is no id of an upload',
    nameOne: 'Name one upload',
    nameUploads: 'Name the uploads',
    nameKey: 'Name the key: ipd or signing',
    nameOrChoose: 'Name uploads or choose them, not both',
    chooseSome: 'Name uploads, or choose them by --code, --source, --project or age, or give --all',
    needsReason: '--reason is needed',
    longReason: '--reason has more than {most} characters',
    emptyOwner: '--owner is empty: give the `sub` of the token',
    ownerNeedsNoScan: '--owner finds all of them without --scan',
    needsOwner: "--owner is needed: the `sub` of the person's tokens",
    cannotBeUndone: 'This cannot be undone: run it with --dry-run, keep what it says, then give --yes',
    logsNeedStage: 'Give --stage: only a deployment has log groups',
    needsQuery: '--query is needed, as CloudWatch Logs Insights takes it',
    keyNeedsStage: 'Give --stage: the deployment whose key it is',
    itemIsPair: '--project and --issue go together',
    checkWritesNothing: '--check writes nothing: without --from',
    needsProject: '--project is needed: 32 letters and digits',
    needsIssue: '--issue is needed: a scratch work item, 18 or 19 digits',
    needsYes:
      'This attaches up to about 80 files ({parallel} at once), which only a person can remove: give --yes, and a scratch work item',
    needsYesForLinks:
      'This adds a few links and a comment, which those who watch the work item may be notified of, and deletes them again: give --yes',
    linksAlone: '--links tries links and comments alone: without --{option}',
    needsApi: 'Give --stage, --api or --local',
    needsToken: '--token or UPLOAD_TOKEN is needed: the JWT of a user',
    needsWorkItem: '--project and --issue are needed: a work item for tests',
  },

  /** By the letters of --older-than. */
  ages: { s: '{count}s', m: '{count}m', h: '{count}h', d: '{count}d' },

  list: {
    state: 'STATE',
    code: 'CODE',
    age: 'AGE',
    dueIn: 'DUE IN',
    attempts: 'ATTEMPTS',
    bytes: 'BYTES',
    project: 'PROJECT',
    workItem: 'WORK ITEM',
    inDoubt: '{status} (in doubt)',
    none: 'No such uploads.',
    noneInIndex: 'No such uploads in the index of what is due.',
    more: 'There are more than {limit}: --limit shows more, other options fewer.',
    tooNew: 'A newer version wrote these, in a form that this version cannot read: {ids}',
    hidden:
      'Uploads that have ended are not in the index: --scan finds them by reading the whole table, which is billed.',
  },

  show: {
    none: 'There is no upload {id}',
    nothing: 'nothing',
    bytes: '{bytes} bytes',
    version: '{id}, version {version}',
    inDoubt: '{status}, in doubt since {since}',
    error: '{code}: {message}',
    errorDetail: '{code}: {message} ({detail})',
    file: '{filename}, {size} bytes, {contentType}',
    attempts: '{attempts}, {failed} of them failed ones that lengthen the wait; {bytes} bytes sent',
    notDue: 'nothing is left to be done',
    dueIn: 'in {age}, at {at}',
    dueSince: 'since {age}, at {at}',
    dropIsThere: 'still there, {bytes} bytes',
    link: '{id}, until {until}',
    linkRemoved: 'taken back at {at} (by: {by})',
    claim: '{id} by {by}',
    workItemHolder: 'held for this size by {id}',
    erased: '{at} by {by}: {reason}',
    notification: '{type} of {at}',
    fromDrop: 'drop {key}, put at {at}',
    fromRequest: 'request {id}: {object}',
    fromVersion: 'request {id}: {object}, version {version}',
    producerSays: '{name}, as the producer says',
  },

  /** What the lines of `show` are about. */
  members: {
    upload: 'upload',
    state: 'state',
    error: 'error',
    file: 'file',
    sentName: 'name in IPD',
    owner: 'owner',
    source: 'source',
    uploadedBy: 'uploaded by',
    correlation: 'correlation',
    project: 'project',
    workItem: 'work item',
    attempts: 'attempts',
    due: 'due',
    retryUntil: 'retried until',
    staged: 'in staging',
    drop: 'drop',
    keepUntil: 'kept until',
    attachment: 'attachment',
    link: 'link',
    candidate: 'candidate',
    duplicates: 'duplicates',
    claims: 'claims',
    workItemHolder: 'work item',
    breaker: 'breaker',
    erased: 'erased',
    notification: 'to be notified',
  },

  history: {
    created: 'created',
    attempt: 'attempt {number}',
    by: 'by {by}: {reason}',
    triedAgainBy: 'tried again by {by}: {reason}',
  },

  /** Why an upload stays as it is. */
  stays: {
    line: 'stays: {why}',
    none: 'there is no such upload',
    delivered: 'it is {status}: IPD has it',
    mayBeInIpd: 'it is {status}: IPD may have it',
    notFailed: 'it is {status}, only a failed one is tried again',
    ownerErased: "its owner's data was erased, and its file with it",
    neverArrived: 'its file never arrived as agreed',
    notAgain: 'it is {status} and cannot be tried again',
    tooNew: 'it was written by a newer version: use that one',
  },

  /** By how the file of a failed upload was lost. */
  losses: {
    file_gone: 'its file is gone: upload it again',
    offer_gone: 'its file is not in staging: its producer has to offer it again',
    gone_in_doubt: 'its file is gone and IPD may have it: check the work item before you upload it again',
  },

  /** By what stands in the way of an erasure. */
  obstacles: {
    sent_twice: 'it was sent twice, and is checked for a second copy after {until}',
    awaited: 'it is {status} and IPD may have it: its outcome is awaited',
    in_doubt:
      'it is {status} and IPD may have it: redrive it, which checks IPD first, or wait until its file is removed ({until})',
  },

  redrive: {
    willBeChecked: 'will be checked in IPD first, since IPD may have it',
    wouldBeChecked: 'would be checked in IPD first, since IPD may have it',
    willBeSent: 'will be sent again',
    wouldBeSent: 'would be sent again',
    done: '{done} of {all} will be tried again: the sweep takes them within minutes.',
    trial: '{done} of {all} would be tried again.',
    more: 'There are more: --limit takes more at once.',
  },

  cancel: {
    done: 'is cancelled, and its file removed',
    linkDone:
      'its link is taken back: its address is worthless now, the link in IPD and the file go within minutes',
  },

  erase: {
    sessions: '{count} Uppy sessions were ended',
    sessionsTrial: '{count} Uppy sessions would be ended',
    isErased: '{status}, is erased',
    wouldBeErased: '{status}, would be erased',
    done: '{done} of {all} are erased.',
    trial: '{done} of {all} would be erased.',
    repeat: 'Repeat this for the others when what they wait for is over.',
    notReached:
      'Not reached from here: IPD, backups, log lines, notifications that were published (docs/security.md).',
    fileStays: 'its file could not be removed now, so the sweep does it: {reason}',
    ipdKeeps: 'IPD keeps {what}: project {project}, work item {issue}',
    ipdMayHave: 'IPD may have {what}: project {project}, work item {issue}',
    attachments: 'attachment {ids}',
    fileWithoutId: 'a file of {size} bytes without an id',
  },

  deadLetters: {
    request: 'asks for a delivery of {upload}, which is {status}',
    arrival: 'tells of the file of {upload}, which is {status}',
    other: 'is none of our messages',
    noUpload: 'no upload',
    notInLedger: 'not in the ledger',
    moved: '{count} went back to the delivery queue.',
    count: '{count} dead letters.',
  },

  logs: {
    none: 'No lines in the last {age}; --since looks further back.',
    ended: 'The query ended as {status}',
  },

  rotateKey: {
    listed: 'IPD lists the work item with it.',
    stored: 'Stored: {where}.',
    oldInUse: 'Functions that run keep the old one. {deploy}',
    thenCheck:
      'Then `npm run ops -- rotate-key ipd --stage {stage} --check` tells when the old one may be deactivated.',
    deploy: 'They get it within hours, or at once by `npm run serverless -- deploy --stage {stage} --force`.',
    noValue: 'The secret has no value yet',
    isFree: 'Every function has the new one: the old one may be deactivated.',
    notYet: 'Not yet. {deploy}',
    notBefore: 'Not before {at}: a delivery may still use the old one.',
    twoKeys: '{user} has two keys, and {current} is stored: delete one that is not used',
    none: 'none',
    unfinished: '{key} was made by a call that did not end: it is deleted.',
    oldStays: '{key} stays: URLs that it has signed may be alive. {deploy}',
    oldStaysUntil: '{key} stays: URLs that it has signed may be alive. Not before {at}.',
    oldDeleted: '{old} is deleted: {current} signs alone.',
    made: '{key} is made and stored: {where}.',
    signWithOld: 'Functions that run sign with the one before. {deploy}',
    thenDelete: '{minutes} minutes after that, the same command deletes the one before.',
    paste: 'Paste the new secret in JSON, then press Ctrl-D:',
    notJson: 'The new secret is not JSON: give {"accessKey":…,"secretKey":…} by --from or standard input',
    notFit: 'The new secret is not as IPD_CREDENTIALS has to be: {faults}',
    storedAlready: 'This is what is stored already',
    noStore: '{setting} names no secret that could be written: secretsmanager:… or ssm:… is needed',
    inSecretsManager: '{name}, version {version}; the one before is labelled AWSPREVIOUS',
    inParameterStore: '{name}, version {version}; version {before} stays in its history',
  },

  protect: {
    isProtected: '{table} is protected: AWS does not delete it.',
    wasProtected: '{table} was protected already: AWS does not delete it.',
  },

  smoke: {
    answers: '{url} answers in {ms} ms; {way}',
    refusesToken: '{url} refuses the token: {why}',
    line: '{ms} ms  {status}',
    firstLine: '{ms} ms  {status} as {id}',
    nothing: 'nothing',
    notEnded: 'The upload did not end within {seconds} s; its last state was {last}',
    noJwt: 'it is no JWT',
    isOver: 'it is over',
    issuer: 'its issuer (iss) is {claim}, which has to be the ISSUER_URL of the deployment to the letter',
    audience: 'its audience (aud) is {claim}, which has to be or to include JWT_AUDIENCE',
    noEnd: 'it has no end (exp)',
    end: 'it ends (exp) at {at}',
    notThere: 'not there',
  },

  /** By the state of the breaker: what it means for a file. */
  breaker: {
    closed: 'files go on to IPD',
    open: 'files are held back, since IPD is out (the breaker is open)',
    half_open: 'one file at a time tries whether IPD is back (the breaker is half open)',
  },

  probe: {
    where: '{endpoint}, work item {issue}, credentials: {auths}',
    whereThrough: '{endpoint} through {gateway}, work item {issue}, credentials: {auths}',
    tooMany: 'The work item has {count} attachments: give one that is empty, since 100 are the most',
    follow: 'Settings that follow:',
    notReached: 'Not reached, so these stay as they are:',
    gap: '{name}: {why}',
    noFile: '--record {path}: the file cannot be made, or is there already',
    recorded: '{path}: {count} exchanges, without secrets, names and ids: read it before you share it',
    unlisted: 'members that are not listed yet: {members}',
    needsCredentials:
      'IPD_CREDENTIALS is needed: JSON with accessKey and secretKey, or domain, username and password, or all',
    noFit: 'IPD_CREDENTIALS holds nothing that fits IPD_AUTH',
    notListed: "IPD does not list the work item's attachments: {detail}",
    firstNotTaken: 'IPD did not take a file of {size} bytes: {answer}',
  },

  findings: {
    projectHeader: 'X-Project-Id: not needed',
    idNamed: 'id in the answer: yes; fields: {fields}',
    idNotNamed: 'id in the answer: no, so each delivery looks it up; fields: {fields}',
    noFields: 'none',
    listed: 'list: shows a new file after {seconds} s',
    notListed: 'list: shows a new file not within the time that was waited',
    nameTaken: 'name: {label}: taken',
    nameChanged: 'name: {label}: taken, shown as {shown}',
    notShown: 'nothing yet',
    nameRefused: 'name: {label}: refused: {answer}',
    chunkedTaken: 'body without a length (chunked): taken',
    chunkedRefused: 'body without a length (chunked): refused: {answer}',
    slowTaken: 'slow body: taken after {seconds} s',
    slowCut: 'slow body: cut: {answer}, after {seconds} s',
    parallel: 'at once: {taken} of {sent} taken',
    parallelRefused: 'at once: {taken} of {sent} taken; the others: {refusal}',
    rate: 'rate: {taken} uploads in {seconds} s, {perMinute} a minute',
    noThrottle: 'throttle: none met, so the sustained rate is not measured',
    throttle: 'throttle: after {uploads} uploads: {answer}; Retry-After: {retryAfter}',
    notSent: 'not sent',
    rateEnded: 'rate: ended by a refusal: {refusal}',
    gatewayTells: 'the gateway tells: {headers}',
    sizeTaken: 'size with {auth}: {most}, no limit met',
    sizeRefused: 'size with {auth}: {most}, {refused} refused: {answer}',
    sizeNotTaken: 'size with {auth}: {most}, {refused} not taken, but not for its size: {answer}',
    noneTaken: 'none taken',
    bytesTaken: '{bytes} bytes taken',
    full: 'full: {files} files, {bytes} bytes, then: {refusal}',
    notFull: 'full: {files} files, {bytes} bytes, no limit met',
  },

  links: {
    done: '{what}: {done}',
    refused: '{what}: refused: {answer}',
    forbidden: '{what}: refused, the identity policy has to allow {action}: {answer}',
    taken: 'taken',
    none: 'none',
    list: 'list of links',
    listed: 'readable, {count} links were there before',
    listCut: 'shows {count} links and may hide others, so a link in doubt stays in doubt',
    create: 'new link',
    idNamed: 'taken, with its id, in the shape of {shape}',
    idNotNamed: 'taken, without its id, so each link is looked up; in the shape of {shape}',
    shown: 'list of links: shows a new link after {seconds} s',
    notShown: 'list of links: shows a new link with this URL not within the time that was waited',
    titleChanged: 'title: shown in another form than it was sent in',
    title: 'title: {label}',
    equal: 'the same URL once more',
    equalTaken: 'taken, and shown {rows} times',
    remove: 'deletion of a link',
    removed: 'taken, in the shape of {shape}',
    gone: 'list of links: shows a deleted link no more after {seconds} s',
    notGone: 'list of links: shows a deleted link all the time that was waited',
    again: 'second deletion of the same link',
    linksLeft: '{count} links could not be deleted: delete them by hand in IPD',
    comment: 'new comment',
    comments: 'list of comments',
    commentShown: 'list of comments: shows a new comment after {seconds} s',
    commentNotShown: 'list of comments: shows a new comment not within the time that was waited',
    markup: 'mark-up of a comment: kept: {kept}; changed: {changed}',
    commentRemove: 'deletion of a comment',
    commentLeft: 'The comment could not be deleted: delete it by hand in IPD',
    canLink: 'OVERSIZE=link can be used: IPD took each call that it needs',
    cannotLink: 'OVERSIZE=link cannot be used: IPD did not take each call that it needs',
    allow: '  The identity policy of the account has to allow {action}',
    canComment: 'COMMENT_ON_DELIVERY=on can be used',
    cannotComment: 'COMMENT_ON_DELIVERY=on cannot be used: IPD did not take the comment',
  },

  /** In which of the published shapes IPD answers. */
  shapes: { docs: 'the documentation', sdk: 'the SDK', other: 'neither documentation nor SDK' },

  /** The files of the measurement of names, and the titles of links. */
  labels: {
    plain: 'plain',
    again: 'the same again',
    chinese: 'Chinese',
    spaces: 'spaces',
    percent: 'plus and percent',
    quotes: 'quotes',
    emoji: 'emoji',
    long: '256 characters',
    longer: '300 characters',
    bare: 'no extension',
    empty: 'empty file',
  },

  /** Why a setting does not follow from the findings. */
  gaps: {
    noFile: 'no file of any size was taken',
    noSizeLimit: '{bytes} bytes were taken and no limit was met: --sizes tries larger ones',
    noAuth: 'no file was taken by any',
    noThrottle:
      'no throttle was met at {perMinute} a minute for {seconds} s: a longer --rate-seconds goes on longer',
    shortThrottle:
      'a throttle was met, and measured too briefly after it: a longer --rate-seconds goes on longer',
    notListed: 'the list did not show the file within the patience: a longer --patience waits longer',
    noParallelLimit: '{sent} files at once were taken, and more were not tried',
  },

  aws: {
    failed: 'aws failed: {reason}',
    missing: '--stage needs the AWS command line interface (aws); or give --settings, and smoke --api',
    callFailed: 'aws {call} failed: {reason}',
    noJson: 'aws {call} printed no JSON',
  },
};
