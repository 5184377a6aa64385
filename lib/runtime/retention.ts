/**
 * Compares the days after which storage or the table deletes something with the longest time that the schedule may
 * need it. Pure. A deploy checks first (deploy/settings.ts), since afterwards S3 deletes by the days it was given;
 * config.ts checks again in the functions. A retry adds nothing: it renews the window, but the file is kept no longer
 * for it (`fileUntil` in schedule.ts).
 */

type Settings = {
  UPLOAD_DEADLINE_HOURS: number;
  RETRY_WINDOW_HOURS: number;
  FAILED_RETENTION_DAYS: number;
  OVERSIZE: 'refuse' | 'link';
  LINKED_FILES_DAYS: number;
};

/** A message for each of these settings that is too short. Settings that are not given are not checked. */
export function findTooShort(
  { UPLOAD_DEADLINE_HOURS, RETRY_WINDOW_HOURS, FAILED_RETENTION_DAYS, OVERSIZE, LINKED_FILES_DAYS }: Settings,
  given: Record<string, unknown>,
): string[] {
  const deadlineDays = UPLOAD_DEADLINE_HOURS / 24;
  // An upload that cannot be tried waits for one retention at most; the file of a failed upload is kept for another.
  const fileDays = deadlineDays + RETRY_WINDOW_HOURS / 24 + 2 * FAILED_RETENTION_DAYS;
  const schedule = 'UPLOAD_DEADLINE_HOURS, RETRY_WINDOW_HOURS and FAILED_RETENTION_DAYS';
  const least = [
    { name: 'PARTS_EXPIRE_DAYS', days: Math.ceil(deadlineDays) + 1, with: schedule },
    { name: 'STAGED_FILES_EXPIRE_DAYS', days: Math.ceil(fileDays) + 1, with: schedule },
    // Claims of attachments are kept for twice this time, and no upload is under way for longer than its file.
    { name: 'RECORD_RETENTION_DAYS', days: Math.ceil(fileDays) + 1, with: schedule },
  ];
  if (OVERSIZE === 'link') {
    // A copy may be as old as a staged file when the link to it is made, and the days of the link begin.
    const days = LINKED_FILES_DAYS + Math.ceil(fileDays) + 1;
    least.push({ name: 'LINKED_FILES_EXPIRE_DAYS', days, with: `LINKED_FILES_DAYS, ${schedule}` });
  }
  return least
    .filter(({ name, days }) => given[name] !== undefined && Number(given[name]) < days)
    .map((one) => `${one.name}: must be at least ${one.days} with this ${one.with}`);
}
