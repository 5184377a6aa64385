/** Uploads that go on in the background, by WorkManager. Each has its own work and its own notification. */
package bridge

import android.content.Context
import android.content.pm.ServiceInfo
import android.net.Uri
import android.os.Build
import android.provider.OpenableColumns
import androidx.core.app.NotificationChannelCompat
import androidx.core.app.NotificationCompat
import androidx.core.app.NotificationManagerCompat
import androidx.work.BackoffPolicy
import androidx.work.Constraints
import androidx.work.CoroutineWorker
import androidx.work.ExistingWorkPolicy
import androidx.work.ForegroundInfo
import androidx.work.NetworkType
import androidx.work.OneTimeWorkRequestBuilder
import androidx.work.WorkManager
import androidx.work.WorkerParameters
import androidx.work.workDataOf
import java.io.File
import java.io.IOException
import java.util.concurrent.CancellationException
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

private const val CHANNEL = "uploads"

/** What your app knows: the bridge's address, and a fresh token of the user who is signed in. */
interface BridgeApp {
    val bridgeUrl: String
    suspend fun bridgeToken(renew: Boolean): String
}

/** For your screens: start, list, cancel. Your Application implements BridgeApp. */
class Uploads(private val context: Context) {
    private val jobs = jobsOf(context)
    private val work = WorkManager.getInstance(context)

    /** Copies what the user picked and begins to send it; gives the job's key. */
    suspend fun start(file: Uri, projectId: String, issueId: String, isWifiOnly: Boolean = false): String = withContext(Dispatchers.IO) {
        val resolver = context.contentResolver
        val filename = resolver.query(file, arrayOf(OpenableColumns.DISPLAY_NAME), null, null, null)
            ?.use { row -> if (row.moveToFirst()) row.getString(0) else null } ?: "file"
        val type = resolver.getType(file) ?: "application/octet-stream"
        val source = resolver.openInputStream(file) ?: throw IOException("The file cannot be read")
        jobs.add(NewUpload(projectId, issueId, filename, type, size = 0), source, isWifiOnly).also(::enqueue).key
    }

    /** At each start of the app: a job that was written down when the process died has no work yet. */
    fun resumeAll() {
        jobs.removeStrays()
        jobs.all().filter { it.outcome == null }.forEach(::enqueue)
    }

    /** With each one's outcome. Progress: `getWorkInfosForUniqueWorkFlow(key)` of WorkManager, members `leg`, `bytes`, `total`. */
    fun all(): List<UploadJob> = jobs.all()

    suspend fun cancel(key: String) {
        work.cancelUniqueWork(key)
        transferOf(context).cancel(key)
    }

    /** When the user has read the outcome. */
    fun forget(key: String) = jobs.forget(key)

    /** The key is the name of the work, so a second call changes nothing. */
    private fun enqueue(job: UploadJob) {
        val network = if (job.isWifiOnly) NetworkType.UNMETERED else NetworkType.CONNECTED
        val request = OneTimeWorkRequestBuilder<UploadWorker>()
            .setInputData(workDataOf("key" to job.key))
            .setConstraints(Constraints.Builder().setRequiredNetworkType(network).build())
            .setBackoffCriteria(BackoffPolicy.EXPONENTIAL, 30, TimeUnit.SECONDS)
            .build()
        work.enqueueUniqueWork(job.key, ExistingWorkPolicy.KEEP, request)
    }
}

class UploadWorker(context: Context, parameters: WorkerParameters) : CoroutineWorker(context, parameters) {
    private val key = inputData.getString("key").orEmpty()
    private val about = jobsOf(context).load(key)?.about
    private val total = about?.size ?: 0
    private val progress = MutableStateFlow(Pair("staging", 0L))

    // docs: work
    override suspend fun doWork(): Result {
        // Refused while the app is in the background: then the system gives ten minutes at a time, enough for some parts.
        try { setForeground(getForegroundInfo()) } catch (_: IllegalStateException) {}
        return try {
            // The bridge delivers alone: a later run reads the outcome of what takes longer than two minutes.
            val outcome = reporting { transferOf(applicationContext).run(key, TimeUnit.MINUTES.toMillis(2), it) } ?: return Result.retry()
            if (outcome.status in setOf("failed", "refused", "expired")) tell(outcome.reason ?: "The upload has expired")
            val data = workDataOf(
                "status" to outcome.status, "reason" to outcome.reason, "attachmentId" to outcome.attachmentId, "link" to outcome.link,
            )
            if (outcome.status == "delivered") Result.success(data) else Result.failure(data)
        } catch (stopped: CancellationException) {
            throw stopped
        } catch (_: Exception) {
            // No network, a refusal that passes, or no token at the moment: WorkManager waits and tries again.
            Result.retry()
        }
    }
    // docs: end

    /** A slow observer gets the newest progress only. */
    private suspend fun <T> reporting(work: suspend ((String, Long) -> Unit) -> T): T = coroutineScope {
        val reports = launch {
            progress.map { (leg, bytes) -> Pair(leg, percent(bytes)) }.distinctUntilChanged().collect { (leg, percent) ->
                setProgress(workDataOf("leg" to leg, "bytes" to total * percent / 100, "total" to total))
                notify(notification().setProgress(100, percent, false).setOngoing(true))
            }
        }
        try {
            work { leg, bytes -> progress.value = Pair(leg, bytes) }
        } finally {
            reports.cancel()
            NotificationManagerCompat.from(applicationContext).cancel(key.hashCode())
        }
    }

    private fun percent(bytes: Long) = if (total == 0L) 0 else (bytes * 100 / total).toInt()

    override suspend fun getForegroundInfo(): ForegroundInfo {
        val notification = notification().setOngoing(true).build()
        return if (Build.VERSION.SDK_INT >= 29) ForegroundInfo(key.hashCode(), notification, ServiceInfo.FOREGROUND_SERVICE_TYPE_DATA_SYNC)
        else ForegroundInfo(key.hashCode(), notification)
    }

    private fun notification(): NotificationCompat.Builder {
        // Since Android 8 a notification needs a channel; to create it again changes nothing.
        val channel = NotificationChannelCompat.Builder(CHANNEL, NotificationManagerCompat.IMPORTANCE_LOW).setName("Uploads").build()
        NotificationManagerCompat.from(applicationContext).createNotificationChannel(channel)
        return NotificationCompat.Builder(applicationContext, CHANNEL)
            .setContentTitle(about?.filename).setSmallIcon(android.R.drawable.stat_sys_upload).setOnlyAlertOnce(true)
    }

    /** Under an id of its own: the notification of the work goes with the work. */
    private fun tell(reason: String) = notify(notification().setContentText(reason).setOngoing(false), "$key.outcome".hashCode())

    private fun notify(notification: NotificationCompat.Builder, id: Int = key.hashCode()) {
        val manager = NotificationManagerCompat.from(applicationContext)
        // The user may have refused POST_NOTIFICATIONS; the upload goes on without.
        try { if (manager.areNotificationsEnabled()) manager.notify(id, notification.build()) } catch (_: SecurityException) {}
    }
}

private fun jobsOf(context: Context) = UploadJobs(File(context.noBackupFilesDir, "uploads"))

private fun transferOf(context: Context): Transfer {
    val app = context.applicationContext as BridgeApp
    return Transfer(BridgeApi(app.bridgeUrl, app::bridgeToken), jobsOf(context))
}
