/**
 * What each setting is for, in the order and the words of docs/settings.md; names, defaults and bounds come from the schema.
 * The words are not in the schema, since the functions load the schema and do not need them. Pure.
 */
import type { deploySettings } from './settings.ts';

type Name = keyof typeof deploySettings.shape;
/** `unset` says what applies without a value where the schema has no default. */
export type Meaning = string | { unset: string; meaning: string };

export const meanings: { heading: string; settings: Partial<Record<Name, Meaning>> }[] = [
  {
    heading: 'Authentication',
    settings: {
      ISSUER_URL: {
        unset: 'needed',
        meaning: 'The issuer whose JWTs the API accepts. The `sub` of a token owns its uploads',
      },
      JWT_AUDIENCE: 'The audience (`aud`) that a token must name',
      PUBLIC_ROUTES:
        '`off`: no route is without the JWT authorizer, as an account in China without an ICP licence needs it. Then Uppy works only with the plugin of this project, and there are no links ([China](operations.md#china))',
      UPLOADED_BY_CLAIM:
        "The claim that holds a user's name, for notifications and operators. Where a token has none, `sub` takes its place",
    },
  },
  {
    heading: 'Permissions',
    settings: {
      PROJECTS_CLAIM: {
        unset: 'needed, or `IPD_PROJECTS`',
        meaning:
          "The claim that lists a user's projects, as a list or as one text with spaces or commas. A user without it has none",
      },
      IPD_PROJECTS:
        'Without `PROJECTS_CLAIM`: the projects that every user may upload to, with commas between them, or `*` for all',
      ALLOWED_ORIGINS:
        'The web origins whose pages may call the API and send files to storage (CORS), with commas between them. `npm start` allows all of this machine',
    },
  },
  {
    heading: 'IPD',
    settings: {
      IPD_REGION: 'The region of CodeArts Req and of IAM',
      IPD_ENDPOINT: {
        unset: 'the host of `IPD_REGION`',
        meaning:
          'Another host of CodeArts Req, also of [a private cloud](private-clouds.md). A loopback address is accepted where the bridge is not on Lambda',
      },
      IPD_IAM_ENDPOINT: {
        unset: 'the host of `IPD_REGION`',
        meaning: 'The same for IAM, which gives the tokens. It does not follow from `IPD_ENDPOINT`',
      },
      IPD_ALLOWED_HOSTS: {
        unset: "Huawei's public hosts alone",
        meaning:
          "The hosts beside Huawei's public ones that may get credentials: those of `IPD_ENDPOINT`, `IPD_IAM_ENDPOINT` and `IPD_GATEWAY`. Each is compared as a whole, never as a pattern",
      },
      IPD_CA: {
        unset: 'the public authorities that Node trusts',
        meaning:
          'The authorities whose certificates count for `IPD_ALLOWED_HOSTS`, and there in place of the public ones: PEM itself, or [where it is](private-clouds.md#certificates)',
      },
      IPD_GATEWAY: {
        unset: 'IPD is reached by its own host',
        meaning:
          "A company's gateway, `HOST` or `HOST:PORT`: connections to IPD go there, over TLS, and its certificate is checked for this name. `Host` and signature stay those of `IPD_ENDPOINT`",
      },
      IPD_CREDENTIALS: {
        unset: '`secretsmanager:ipd-attachment-bridge/<stage>/ipd`',
        meaning: "Where IPD's credentials are. The JSON itself is accepted where the bridge is not on Lambda",
      },
      IPD_AUTH:
        '`aksk`: requests to IPD are signed with the access key. `token`: they carry a token of IAM. `auto`: the access key up to its limit of 12 MB, a token above',
      IPD_COMMIT_WINDOW_SECONDS: 'How long after the last byte of a request IPD may still store the file',
    },
  },
  {
    heading: 'Uploads',
    settings: {
      MAX_FILE_BYTES:
        'The largest file that becomes an attachment. With an access key alone, IPD takes 12,000,000 bytes together with the form around the file',
      MULTIPART_THRESHOLD_BYTES: 'A file larger than this comes in parts',
      PART_SIZE_BYTES: 'The length of each part but the last',
      UPLOAD_DEADLINE_HOURS: 'How long a file may take to arrive in storage',
      MAX_OPEN_UPLOADS: 'How many unfinished uploads one user may have',
      UPLOADS_PER_MINUTE: 'How many uploads one user may begin in a minute. Refused ones count',
      UPPY_SESSION_TTL_SECONDS: 'The lifetime of the ticket that a page with Uppy gets',
      PREFLIGHT:
        "`on`: the API reads the work item in IPD before it takes an upload. `off`: only `deliver` may read IPD's secret, and a file over the access key's limit fails at its delivery",
    },
  },
  {
    heading: 'Staging URLs',
    settings: {
      STAGING_URL_TTL_SECONDS:
        'How long a presigned URL lives: an hour at most, a week with `SIGNING_CREDENTIALS`',
      SIGNING_CREDENTIALS:
        "Where the access key is stored that signs URLs instead of the function's role ([how to make one](operations.md#signing-user))",
      S3_PUBLIC_ENDPOINT: 'The host that URLs are signed for, where clients reach S3 under another name',
    },
  },
  {
    heading: 'Delivery',
    settings: {
      IPD_RATE:
        'Deliveries a minute, and fewer while IPD throttles. Retries take three quarters of it at most. Pre-flight requests come on top: a quarter of it',
      DELIVERY_CONCURRENCY:
        "How many deliveries of people's files run at the same moment, and beside them as many of producers'",
      RETRY_WINDOW_HOURS:
        'How long a failing delivery is tried again. Time in which it cannot be tried does not count',
      REQUIRED_SCAN_TAG:
        'The tag that an object needs before its file is delivered ([malware scan](operations.md#malware-scan))',
    },
  },
  {
    heading: 'Links',
    settings: {
      OVERSIZE:
        '`link`: a file larger than IPD takes, or for a work item that is full, is kept in storage and becomes a link of the work item ([how to switch it on](operations.md#links)). `refuse`: it is refused',
      PUBLIC_URL: {
        unset: 'needed with `OVERSIZE=link`',
        meaning:
          'The origin that links begin with, and that leads to this API: a domain of yours, since links outlive a stack. `npm start` takes its own address. Without TLS only where the bridge is not on Lambda',
      },
      LINK_KEY: {
        unset: '`secretsmanager:ipd-attachment-bridge/<stage>/links`',
        meaning:
          'Where the key is stored that the secrets of links are made with, a text of 32 characters or more. [A new key ends all links](operations.md#link-key). `npm start` has one of its own',
      },
      MAX_LINKED_FILE_BYTES: 'The largest file that becomes a link, at least `MAX_FILE_BYTES`',
      LINKED_FILES_DAYS: 'How long a linked file is kept, and its link works',
      LINKED_FILES_EXPIRE_DAYS:
        'After how many days storage itself removes a linked file that is left ([rules](operations.md#retention))',
    },
  },
  {
    heading: 'Comments',
    settings: {
      COMMENT_ON_DELIVERY:
        '`on`: a delivered file gets one comment in its work item that says who uploaded it and when. IPD shows the account of the bridge as the author of every file',
      COMMENT_LANGUAGE: 'The language of that comment',
    },
  },
  {
    heading: 'Ingestion',
    settings: {
      INGEST_PROJECTS: {
        unset: 'ingestion is off',
        meaning:
          'The projects whose work items may get objects of producers, with commas between them, or `*` for all. `npm start` opens all',
      },
      INGEST_MAX_OPEN:
        'How many unfinished uploads of producers one project may have. Further objects and requests wait',
      INGEST_PRINCIPALS:
        'Accounts, roles and users of other accounts that may put objects under `ingest/`, with commas between them',
      INGEST_SOURCE_BUCKETS:
        'The buckets whose objects requests may name, with commas between them. A bucket of another account must allow it, too',
    },
  },
  {
    heading: 'Retention',
    settings: {
      FAILED_RETENTION_DAYS: 'How long the file of a failed upload is kept',
      PARTS_EXPIRE_DAYS:
        'After how many days storage itself removes parts that are left ([rules](operations.md#retention))',
      STAGED_FILES_EXPIRE_DAYS: 'The same for files, and for objects under `ingest/`',
      RECORD_RETENTION_DAYS: 'How long the record and the idempotency key of an ended upload are kept',
      LOG_RETENTION_DAYS: 'How long logs are kept',
    },
  },
  {
    heading: 'API limits',
    settings: {
      API_REQUESTS_PER_SECOND:
        'How many requests a second the API takes from all callers together. It answers further ones with 429',
      API_BURST_REQUESTS: 'How many requests the API takes at the same moment',
    },
  },
  {
    heading: 'Functions',
    settings: {
      LAMBDA_ARCHITECTURE: 'The processor that the functions run on. `x86_64` costs a quarter more a second',
    },
  },
  {
    heading: 'Observability',
    settings: {
      ALARM_TOPIC_ARN: {
        unset: 'alarms only show in CloudWatch',
        meaning: 'The SNS topic that alarms notify',
      },
      RUNBOOK_URL: {
        unset: 'needed with `ALARM_TOPIC_ARN`',
        meaning:
          'Where the operators can read docs/operations.md. Alarms link to it; without it they only name the file',
      },
      LAMBDA_TRACING: '`Active`: X-Ray traces of the functions',
    },
  },
];

/** The setting that is not in the schema: the serverless framework and the SDK read it themselves. */
export const region = {
  name: 'AWS_REGION',
  standard: 'eu-central-1',
  meaning: 'The region that the bridge is deployed to',
};
