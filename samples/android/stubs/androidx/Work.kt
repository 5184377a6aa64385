package androidx.work

import android.app.Notification
import android.content.Context
import java.util.concurrent.TimeUnit

class Data {
    fun getString(key: String): String? = error("a phone")
}

fun workDataOf(vararg pairs: Pair<String, Any?>): Data = error("a phone")

class WorkerParameters

abstract class ListenableWorker(context: Context, parameters: WorkerParameters) {
    val applicationContext: Context get() = error("a phone")
    val inputData: Data get() = error("a phone")

    abstract class Result {
        companion object {
            fun success(output: Data): Result = error("a phone")
            fun failure(): Result = error("a phone")
            fun failure(output: Data): Result = error("a phone")
            fun retry(): Result = error("a phone")
        }
    }
}

abstract class CoroutineWorker(context: Context, parameters: WorkerParameters) : ListenableWorker(context, parameters) {
    abstract suspend fun doWork(): Result
    open suspend fun getForegroundInfo(): ForegroundInfo = error("a phone")
    suspend fun setProgress(data: Data): Unit = error("a phone")
    suspend fun setForeground(info: ForegroundInfo): Unit = error("a phone")
}

class ForegroundInfo(id: Int, notification: Notification, type: Int) {
    constructor(id: Int, notification: Notification) : this(id, notification, 0)
}

enum class NetworkType { CONNECTED, UNMETERED }
enum class BackoffPolicy { EXPONENTIAL }
enum class ExistingWorkPolicy { KEEP }

class Constraints private constructor() {
    class Builder {
        fun setRequiredNetworkType(type: NetworkType): Builder = error("a phone")
        fun build(): Constraints = error("a phone")
    }
}

class OneTimeWorkRequest private constructor() {
    class Builder {
        fun setInputData(data: Data): Builder = error("a phone")
        fun setConstraints(constraints: Constraints): Builder = error("a phone")
        fun setBackoffCriteria(policy: BackoffPolicy, delay: Long, unit: TimeUnit): Builder = error("a phone")
        fun build(): OneTimeWorkRequest = error("a phone")
    }
}

inline fun <reified W : ListenableWorker> OneTimeWorkRequestBuilder(): OneTimeWorkRequest.Builder = error("a phone")

class Operation

abstract class WorkManager {
    abstract fun enqueueUniqueWork(name: String, policy: ExistingWorkPolicy, request: OneTimeWorkRequest): Operation
    abstract fun cancelUniqueWork(name: String): Operation

    companion object {
        fun getInstance(context: Context): WorkManager = error("a phone")
    }
}
