/**
 * Days after which something goes by itself, against the longest that the schedule may still want it. Pure. A deploy asks
 * first (deploy/settings.ts), since afterwards S3 goes by the days it has been told; config.ts asks again in the functions.
 * A retry adds nothing: it renews the window, and the file is kept no longer for it (`fileUntil` in schedule.ts).
 */

type Settings = {
  UPLOAD_DEADLINE_HOURS: number;
  RETRY_WINDOW_HOURS: number;
  FAILED_RETENTION_DAYS: number;
};

/** Each of these settings that is too short, in words. Those that nobody has set are somebody else's matter. */
export function findTooShort(
  { UPLOAD_DEADLINE_HOURS, RETRY_WINDOW_HOURS, FAILED_RETENTION_DAYS }: Settings,
  given: Record<string, unknown>,
): string[] {
  const deadlineDays = UPLOAD_DEADLINE_HOURS / 24;
  // What cannot be tried waits for a retention at most, and the file of a failed upload is kept for another.
  const fileDays = deadlineDays + RETRY_WINDOW_HOURS / 24 + 2 * FAILED_RETENTION_DAYS;
  const least = {
    PARTS_EXPIRE_DAYS: Math.ceil(deadlineDays) + 1,
    STAGED_FILES_EXPIRE_DAYS: Math.ceil(fileDays) + 1,
    // Claims of attachments are kept for two of these, and no upload is under way for longer than its file.
    RECORD_RETENTION_DAYS: Math.ceil(fileDays) + 1,
  };
  const why = 'with this UPLOAD_DEADLINE_HOURS, RETRY_WINDOW_HOURS and FAILED_RETENTION_DAYS';
  return Object.entries(least).flatMap(([name, days]) =>
    given[name] !== undefined && Number(given[name]) < days
      ? [`${name}: must be at least ${days} ${why}`]
      : [],
  );
}
