/** The page's texts in English. Data only: `{name}` is a place for a value. */

/** All texts of one language. */
export type Texts = Worded<typeof en>;

type Worded<T> = { readonly [K in keyof T]: T[K] extends string ? string : Worded<T[K]> };

export const en = {
  /** As in the lang attribute, and for Intl. */
  language: 'en',
  title: 'Attach files',

  config: {
    heading: 'This page is not set up yet',
    missing: 'config.json cannot be read: the server answered {status}. It belongs beside index.html.',
    unreachable:
      'config.json cannot be read: the server does not answer. Check your connection and reload the page.',
    noJson: 'config.json is not a JSON object.',
    needed: '“{name}” is missing.',
    noText: '“{name}” must be a text that is not empty.',
    noAddress:
      '“{name}” must be an https address without a query, not “{value}”. On your own machine http will do.',
    noPattern:
      '“{name}” must be an https address with {issue} in it, and {project} if it needs that, not “{value}”.',
    unknown: '“{name}” means nothing here. There are {names}.',
    insecure:
      'This page works on https only, or on localhost: browsers allow no safe sign-in on other addresses.',
  },

  signIn: {
    heading: 'Attach files to a work item',
    lead: 'Photos, videos, logs: pick them here, and they are attached to the work item in IPD. An interrupted upload goes on where it stopped.',
    action: 'Sign in',
    busy: 'One moment …',
    again: 'Your sign-in has ended. Sign in again, and your files go on.',
    againAction: 'Sign in again',
    done: 'You are signed in. You can close this window.',
    out: 'Sign out',
    denied: 'The sign-in was cancelled.',
    refused: 'The sign-in did not work: {reason}.',
    unreachable:
      'The sign-in service ({host}) does not answer, or does not let this page in. Check your connection and try again.',
    failed: 'The sign-in did not work: {reason}. Try again.',
    unexpected: 'This sign-in was begun somewhere else. Sign in once more.',
    noEndpoint: 'the sign-in service offers no sign-in for pages',
  },

  link: {
    wrong: 'The link to this page has a mistake in it. Correct it here.',
    noProject: 'The project is missing.',
    noIssue: 'The work item is missing.',
    wrongProject: 'The project has 32 letters and digits; this has {length} characters.',
    wrongIssue: 'The work item has 18 or 19 digits and nothing else.',
    shortIssue:
      'The work item has 18 or 19 digits; this has {length}. The short number that IPD shows is another one.',
  },

  workItem: {
    heading: 'Which work item?',
    lead: 'Open the work item in IPD, copy its address and paste it here.',
    paste: 'Address of the work item',
    pasteHint: 'Both fields below are filled in from it.',
    nothingFound: 'There is no project and no work item in this address. Fill in the fields below.',
    project: 'Project',
    projectHint: '32 letters and digits',
    issue: 'Work item',
    issueHint: '18 or 19 digits',
    action: 'Go on',
    name: 'Work item …{end}',
    open: 'Open in IPD',
    openHint: '(new tab)',
    change: 'Change',
  },

  picker: {
    heading: 'Add files',
    action: 'Choose files',
    drop: 'or drop them here',
    dropNow: 'Drop to attach',
    largest: 'Up to {size} each',
    largestLinked: 'Up to {size} each, above {most} as a link',
    tooLarge: 'The file is too large: at most {size} can be attached.',
    empty: 'The file is empty, and an empty file cannot be attached.',
    folder: 'Folders cannot be attached: drop the files in them.',
  },

  list: {
    heading: 'Your files',
    empty: 'Nothing here yet.',
    unread: 'Your earlier files cannot be shown: {reason}',
  },

  network: {
    offline: 'You are offline. Your files go on by themselves when the connection is back.',
    online: 'You are online again.',
  },

  state: {
    queued: 'Waits for the others',
    starting: 'Starting',
    uploading: 'Uploading · {size}',
    stored: 'Uploaded, next is IPD',
    passing: 'Passing on to IPD',
    waiting: 'IPD was not ready, next try at {time}',
    checking: 'Checking whether IPD has it',
    deliveredAt: 'Attached, {time}',
    before: 'Attached before, {time}',
    linkedAt: 'Linked, {time}',
    linkedBefore: 'Linked before, {time}',
    removed: 'Removed, the link does not work any more',
    gone: 'No longer in the work item',
    failed: 'Not attached',
    unknown: 'May be attached',
    expired: 'Not uploaded in time',
    cancelled: 'Cancelled',
    cancelling: 'Cancelling',
    withdrawing: 'Removing',
    unfinished: 'Not uploaded completely',
  },

  /** By the reason of the client. */
  paused: {
    offline: 'Paused, no connection',
    no_answer: 'Paused, the service does not answer',
    busy: 'Paused, the service is busy',
  },

  note: {
    byItself: 'It goes on by itself.',
    mayClose: 'You can close this page: the rest needs no help.',
    asLink: 'This file cannot be attached: the work item gets a link to it.',
    linkedUntil: 'The link in the work item works until {day}.',
    linkEnded: 'Its time was over.',
    notRemoved: 'It is still there, since it could not be removed: {reason}',
    before: 'It was not sent again.',
    gone: 'It was attached before, but was removed in IPD since. It was not sent again.',
    pickAgain: 'Pick the same file again to go on: {done} of {size} are there already.',
    pickFirst: 'Pick the same file again to go on.',
    expired: 'Pick the file again to start anew.',
  },

  action: {
    cancel: 'Cancel',
    retry: 'Try again',
    again: 'Attach again',
    pick: 'Pick the file',
    open: 'Open',
    withdraw: 'Remove',
    remove: 'Hide',
    /** As screen readers say it. */
    of: '{action}: {name}',
  },

  /** Before a linked file is removed. */
  withdrawal: {
    heading: 'Remove {name}?',
    lead: 'The link in the work item stops working for everyone, and the file is deleted. This cannot be undone.',
    confirm: 'Remove the file',
    keep: 'Keep it',
  },

  spoken: {
    attached: '{name} is attached.',
    ended: '{name}: {state}. {note}',
  },

  /** By the code of the error; a code that is not here comes with words of its own. */
  errors: {
    file_unreadable: 'The file cannot be read, or has changed. Pick it again.',
    file_differs: 'This is another file: its size is not the one of {name}.',
    unauthorized: 'The service does not accept your sign-in.',
    forbidden: 'The service does not accept your sign-in.',
    project_forbidden: 'You may not attach files in this project.',
    ipd_forbidden:
      'IPD does not let this service attach files to this work item. Please tell your administrator.',
    work_item_missing: 'This work item does not exist in IPD. Check the link to this page.',
    work_item_full: 'The work item is full: IPD takes 100 attachments.',
    too_many_open_uploads: 'You have too many unfinished files. Let some of them end, or cancel them.',
    rate_limited: 'That was too fast. Try again in a moment.',
    network: 'The service does not answer. Check your connection.',
    origin_not_allowed:
      'The service does not let this page in. Its ALLOWED_ORIGINS must name the address of this page.',
    internal: 'The service has failed. Try again.',
    unavailable: 'The service is not available at the moment. Try again.',
    size_mismatch: 'The file has changed while it was uploaded. Pick it again.',
    checksum_mismatch: 'The file has changed while it was uploaded. Pick it again.',
    staged_file_missing: 'The stored copy is gone. Pick the file again.',
    staged_file_changed: 'The stored copy was replaced. Pick the file again.',
    link_forbidden:
      'IPD does not let this service add links to this work item. Please tell your administrator.',
    too_large_for_ipd: 'The file is larger than IPD takes.',
    name_refused: 'IPD does not accept the name of the file. Rename it and pick it again.',
    ipd_refused: 'IPD refused the file.',
    outcome_unknown: 'IPD may have it, but does not say so. Check the work item before you try again.',
    retries_exhausted: 'IPD did not take the file for so long that the service gave up.',
    scan_refused: 'The scan for malware did not pass the file. It was not attached.',
    scan_timed_out: 'The scan for malware did not answer in time. The file was not attached.',
  },
};
