/** What the plugin says to people. The option `locale` replaces any of it. */

export const STRINGS = {
  alreadyAttached: '“%{file}” was attached before: nothing was sent',
  alreadyLinked: 'The work item had a link to “%{file}” before: nothing was sent',
  attachmentGone: 'It was attached before, and IPD has that attachment no more. Retry attaches it again.',
  cancelled: 'The upload was cancelled elsewhere',
  delivering: 'Attaching to the work item',
  expired: 'The file did not arrive in time',
  failed: 'The file could not be attached',
  fileUnavailable: 'The file is not here any more: remove it and pick it again',
  linking: 'Adding a link to the work item, since the file cannot be attached',
  removed: 'The link to the file was removed from the work item',
  remoteFile: 'A file of another service cannot be sent: download it and pick it from this device',
  staged: 'Stored, next: the work item',
  stalledBusy: 'The bridge asks to wait: the upload goes on by itself',
  stalledOffline: 'There is no network: the upload goes on by itself when it is back',
  stalledSilent: 'The bridge does not answer: the upload goes on by itself when it does',
  tooLate: '“%{file}” cannot be cancelled any more: the work item may have it',
  unconfirmed: 'Checking whether the work item has it',
  unseen: 'The way to the work item goes on; its state cannot be seen now',
  waiting: 'IPD cannot take it now: it will be tried again',
  workItemUnnamed: 'It is not said which work item gets the file: projectId or issueId is missing',
};

export type Words = (key: keyof typeof STRINGS, values?: { file: string }) => string;
