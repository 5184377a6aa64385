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
};

/** A message for each of these settings that is too short. Settings that are not given are not checked. */
export function findTooShort(
  { UPLOAD_DEADLINE_HOURS, RETRY_WINDOW_HOURS, FAILED_RETENTION_DAYS }: Settings,
  given: Record<string, unknown>,
): string[] {
  const deadlineDays = UPLOAD_DEADLINE_HOURS / 24;
  // An upload that cannot be tried waits for one retention at most; the file of a failed upload is kept for another.
  const fileDays = deadlineDays + RETRY_WINDOW_HOURS / 24 + 2 * FAILED_RETENTION_DAYS;
  const least = {
    PARTS_EXPIRE_DAYS: Math.ceil(deadlineDays) + 1,
    STAGED_FILES_EXPIRE_DAYS: Math.ceil(fileDays) + 1,
    // Claims of attachments are kept for twice this time, and no upload is under way for longer than its file.
    RECORD_RETENTION_DAYS: Math.ceil(fileDays) + 1,
  };
  const why = 'with this UPLOAD_DEADLINE_HOURS, RETRY_WINDOW_HOURS and FAILED_RETENTION_DAYS';
  return Object.entries(least).flatMap(([name, days]) =>
    given[name] !== undefined && Number(given[name]) < days
      ? [`${name}: must be at least ${days} ${why}`]
      : [],
  );
}
