/**
 * Uploads to the IPD attachment bridge, without Android: the calls of the API, the requests to storage, and the state on
 * disk. Needs kotlinx-coroutines, and org.json, which is a part of Android. UploadWorker.kt runs it in the background.
 */
package bridge

import java.io.File
import java.io.IOException
import java.io.InputStream
import java.io.RandomAccessFile
import java.net.HttpURLConnection
import java.net.URL
import java.util.Locale
import java.util.UUID
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicReference
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.sync.Semaphore
import kotlinx.coroutines.sync.withPermit
import kotlinx.coroutines.withTimeoutOrNull
import org.json.JSONException
import org.json.JSONObject

/** The body of `POST /v1/uploads`. `size` is in bytes. */
data class NewUpload(
    val projectId: String, val issueId: String, val filename: String, val contentType: String, val size: Long,
) {
    constructor(json: JSONObject) : this(
        json.getString("projectId"), json.getString("issueId"), json.getString("filename"), json.getString("contentType"),
        json.getLong("size"),
    )

    fun toJson(): JSONObject = JSONObject().put("projectId", projectId).put("issueId", issueId)
        .put("filename", filename).put("contentType", contentType).put("size", size)
}

/** A part of the file, and the request that stores it. */
class Part(val number: Int, val offset: Long, val length: Long, val url: String, val headers: Map<String, String>)

/** What the bridge says of an upload. */
class Upload(json: JSONObject) {
    private val staging = json.getJSONObject("staging")

    val id: String = json.getString("id")
    /** The list is open: take an unknown status as not final. */
    val status: String = json.getString("status")
    /** May differ from the name that was sent. */
    val filename: String = json.getString("filename")
    val size: Long = json.getLong("size")
    val bytesStored: Long = staging.getLong("bytesStored")
    val bytesDelivered: Long = json.getJSONObject("delivery").getLong("bytesSent")
    /** IPD gets a link to the file, which is too large for an attachment, or has no room among them. */
    val endsAsLink: Boolean = json.getJSONObject("delivery").text("endsAs") == "link"
    val attachmentId: String? = json.optJSONObject("attachment")?.text("id")
    /** What the work item has of such a file: a URL, as secret as the file, and when the bridge removes both. */
    val link: Pair<String, String>? = json.optJSONObject("link")?.let { Pair(it.getString("url"), it.getString("expiresAt")) }
    /** Why it failed: a code, and a message for the person who sent the file. */
    val failure: Pair<String, String>? = json.optJSONObject("error")?.let { Pair(it.getString("code"), it.getString("message")) }

    val isAwaited get() = status == "awaiting_upload"
    val isFinal get() = status in setOf("delivered", "failed", "expired", "cancelled", "removed")

    /** What storage lacks, in answers of create and `urls`. A file in one piece is its own only part. */
    val missing: List<Part> = staging.optJSONArray("parts")?.let { parts ->
        List(parts.length()) { index ->
            val part = parts.getJSONObject(index)
            Part(part.getInt("number"), part.getLong("offset"), part.getLong("length"), part.getString("url"), part.headers())
        }
    } ?: staging.text("url")?.let { listOf(Part(1, 0, size, it, staging.headers())) }.orEmpty()

    private fun JSONObject.headers(): Map<String, String> =
        getJSONObject("headers").let { headers -> headers.keys().asSequence().associateWith { headers.getString(it) } }
}

/** The bridge or storage does not want the call: branch on `code`, show `message`. */
class Refusal(val code: String, message: String, val isRetryable: Boolean, val waitSeconds: Long? = null) : Exception(message)

/** Bytes from `offset` to `offset + length` of a file. */
class Slice(val file: File, val offset: Long, val length: Long)

class Answer(val status: Int, val text: String, val waitSeconds: Long?)

/**
 * One request by the platform's own client. An HTTP client that the app shares would send its Authorization header to
 * storage, too, which refuses a request that is authorized twice.
 */
suspend fun exchange(
    method: String, url: String, headers: Map<String, String>, body: Slice? = null, onBytes: (Long) -> Unit = {},
    json: String? = null,
): Answer = coroutineScope {
    val connection = URL(url).openConnection() as HttpURLConnection
    val answer = async(Dispatchers.IO) {
        connection.requestMethod = method
        connection.connectTimeout = 30_000
        connection.readTimeout = 60_000
        connection.instanceFollowRedirects = false
        // The length is set by the connection.
        for ((name, value) in headers) if (!name.equals("content-length", ignoreCase = true)) connection.setRequestProperty(name, value)
        if (body != null) {
            connection.doOutput = true
            connection.setFixedLengthStreamingMode(body.length)
            connection.outputStream.use { out -> body.copyTo(out::write, onBytes) }
        } else if (json != null) {
            connection.doOutput = true
            connection.outputStream.use { it.write(json.toByteArray()) }
        }
        val status = connection.responseCode
        val stream: InputStream? = if (status < 400) connection.inputStream else connection.errorStream
        val text = stream?.use { it.readBytes().decodeToString() }.orEmpty()
        Answer(status, text, connection.getHeaderField("Retry-After")?.toLongOrNull())
    }
    try {
        answer.await()
    } catch (stop: CancellationException) {
        // Only this ends a write or a read that waits.
        connection.disconnect()
        throw stop
    }
}

private fun Slice.copyTo(write: (ByteArray, Int, Int) -> Unit, onBytes: (Long) -> Unit) {
    RandomAccessFile(file, "r").use { source ->
        source.seek(offset)
        val buffer = ByteArray(64 * 1024)
        var sent = 0L
        while (sent < length) {
            val count = source.read(buffer, 0, minOf(buffer.size.toLong(), length - sent).toInt())
            if (count < 0) throw Refusal("file_unreadable", "The file on this device has changed", isRetryable = false)
            write(buffer, 0, count)
            sent += count
            onBytes(sent)
        }
    }
}

/** `token` gives the user's JWT; `renew` says that the last one was refused. */
class BridgeApi(private val url: String, private val token: suspend (renew: Boolean) -> String) {
    /** The same key with the same file is the same upload. */
    suspend fun create(about: NewUpload, key: String) = Upload(call("POST", "/v1/uploads", key, about.toJson()).first)

    /** Seconds until the next call are the second of the pair. */
    suspend fun status(id: String): Pair<Upload, Long> =
        call("GET", "/v1/uploads/$id").let { (json, wait) -> Pair(Upload(json), wait ?: 5) }

    suspend fun cancel(id: String) {
        call("DELETE", "/v1/uploads/$id")
    }

    /** Whether all is stored; if not, fresh URLs for what is missing. */
    suspend fun complete(id: String): Upload = try {
        Upload(call("POST", "/v1/uploads/$id/complete").first)
    } catch (refusal: Refusal) {
        when (refusal.code) {
            "upload_incomplete" -> Upload(call("POST", "/v1/uploads/$id/urls").first)
            "upload_state_conflict" -> status(id).first
            else -> throw refusal
        }
    }

    private suspend fun call(method: String, path: String, key: String? = null, body: JSONObject? = null): Pair<JSONObject, Long?> {
        suspend fun ask(renew: Boolean): Answer {
            val headers = mutableMapOf(
                "Authorization" to "Bearer ${token(renew)}",
                "Accept-Language" to Locale.getDefault().toLanguageTag(),
            )
            if (key != null) headers["Idempotency-Key"] = key
            if (body != null) headers["Content-Type"] = "application/json"
            return exchange(method, url.trimEnd('/') + path, headers, json = body?.toString() ?: "".takeIf { method == "POST" })
        }
        val answer = ask(renew = false).let { if (it.status == 401) ask(renew = true) else it }
        val json = try { JSONObject(answer.text.ifEmpty { "{}" }) } catch (_: JSONException) { null }
        if (answer.status < 300 && json != null) return Pair(json, answer.waitSeconds)
        // Without a code it is the gateway's answer, or that of a hotel's sign-in page: the upload may go on later.
        val code = json?.text("code") ?: throw Refusal("http_${answer.status}", "The server answered ${answer.status}", true, answer.waitSeconds)
        throw Refusal(code, json.text("userMessage") ?: code, json.optBoolean("retryable"), answer.waitSeconds)
    }
}

/** How an upload ended: a final status, or `refused`. `reason` is for the person who sent the file. */
data class Outcome(
    val status: String, val code: String? = null, val reason: String? = null, val attachmentId: String? = null,
    val link: String? = null, val linkExpiresAt: String? = null,
) {
    constructor(json: JSONObject) : this(
        json.getString("status"), json.text("code"), json.text("reason"), json.text("attachmentId"), json.text("link"),
        json.text("linkExpiresAt"),
    )

    fun toJson(): JSONObject = JSONObject().put("status", status).put("code", code).put("reason", reason)
        .put("attachmentId", attachmentId).put("link", link).put("linkExpiresAt", linkExpiresAt)
}

/** A file on its way, as it stands on disk. `key` names it for the bridge and for this device. */
data class UploadJob(
    val key: String,
    val about: NewUpload,
    val isWifiOnly: Boolean = false,
    val id: String? = null,
    val outcome: Outcome? = null,
)

/** The jobs in a folder of the app: a record and a copy of the file each. The copy goes when the upload ends. */
class UploadJobs(private val folder: File) {
    /**
     * Copies the file, since the permission to read a content URI ends with the process, and writes the job down; both
     * before the first call, so that the next start finds the job however early the process dies.
     */
    fun add(
        about: NewUpload,
        source: InputStream,
        isWifiOnly: Boolean = false,
        key: String = UUID.randomUUID().toString(),
    ): UploadJob {
        folder.mkdirs()
        val size = source.use { input -> fileOf(key).outputStream().use { input.copyTo(it) } }
        return UploadJob(key, about.copy(size = size), isWifiOnly).also(::save)
    }

    fun fileOf(key: String) = File(folder, "$key.data")

    /** Ended ones stay, so that the user can read their outcome, until `forget`. */
    fun all(): List<UploadJob> {
        val keys = folder.list().orEmpty().filter { it.endsWith(".json") }.map { it.removeSuffix(".json") }
        return keys.mapNotNull(::load)
    }

    fun load(key: String): UploadJob? {
        val text = try { recordOf(key).readText() } catch (_: IOException) { return null }
        val json = JSONObject(text)
        val outcome = json.optJSONObject("outcome")?.let(::Outcome)
        return UploadJob(key, NewUpload(json.getJSONObject("about")), json.optBoolean("isWifiOnly"), json.text("id"), outcome)
    }

    fun save(job: UploadJob) {
        val json = JSONObject().put("about", job.about.toJson()).put("isWifiOnly", job.isWifiOnly).put("id", job.id)
            .put("outcome", job.outcome?.toJson())
        // A process that dies while it writes leaves the old record.
        val next = File(folder, "${job.key}.next")
        next.writeText(json.toString())
        if (!next.renameTo(recordOf(job.key))) throw IOException("The job cannot be written down")
    }

    /** Changes nothing once the job was forgotten. */
    fun end(job: UploadJob, outcome: Outcome) {
        if (recordOf(job.key).exists()) save(job.copy(outcome = outcome))
        fileOf(job.key).delete()
    }

    fun forget(key: String) {
        fileOf(key).delete()
        recordOf(key).delete()
    }

    /** What a process left that died before it wrote the job down; to be called before any `add`. */
    fun removeStrays() = folder.listFiles().orEmpty().filter { load(it.name.substringBeforeLast('.')) == null }.forEach { it.delete() }

    private fun recordOf(key: String) = File(folder, "$key.json")
}

/** Carries a job from wherever an earlier process left it to its end. */
class Transfer(
    private val api: BridgeApi, private val jobs: UploadJobs, private val partsAtOnce: Int = 3,
    private val onUpload: (Upload) -> Unit = {},
) {
    /**
     * Sends what storage lacks, then follows until IPD has the file, and writes the outcome down. Null: `followMillis`
     * have passed, and the bridge goes on alone. An IOException or a retryable Refusal says that the same call may
     * succeed later.
     */
    suspend fun run(key: String, followMillis: Long = Long.MAX_VALUE, onProgress: (leg: String, bytes: Long) -> Unit): Outcome? {
        val job = jobs.load(key) ?: return Outcome("cancelled")
        job.outcome?.let { return it }
        return try {
            val sent = send(job) { onProgress("staging", it) }
            val upload = withTimeoutOrNull(followMillis) { follow(sent) { onProgress("delivery", it) } } ?: return null
            val failure = upload.failure.takeIf { upload.status != "delivered" }
            val outcome = Outcome(
                upload.status, failure?.first, failure?.second, upload.attachmentId, upload.link?.first, upload.link?.second,
            )
            outcome.also { jobs.end(job.copy(id = upload.id), it) }
        } catch (refusal: Refusal) {
            if (refusal.isRetryable) throw refusal
            Outcome("refused", refusal.code, refusal.message).also { jobs.end(jobs.load(key) ?: job, it) }
        }
    }

    /** Takes the upload back, as long as IPD cannot have it; a linked file also later. */
    suspend fun cancel(key: String) {
        jobs.load(key)?.id?.let { api.cancel(it) }
        jobs.forget(key)
    }

    // docs: send
    private suspend fun send(job: UploadJob, onBytes: (Long) -> Unit): Upload {
        var upload = if (job.id != null) api.complete(job.id) else api.create(job.about, job.key)
        if (job.id == null) jobs.save(job.copy(id = upload.id))
        onUpload(upload)
        var inVain = 0
        while (upload.isAwaited) {
            val failure = sendParts(upload, jobs.fileOf(job.key), onBytes)
            // However the parts ended: `complete` knows what storage has.
            val next = api.complete(upload.id)
            inVain = if (next.bytesStored > upload.bytesStored) 0 else inVain + 1
            if (next.isAwaited && inVain >= 5) throw failure ?: IOException("Storage does not keep the file")
            if (next.isAwaited && inVain > 0) delay(1000L shl inVain)
            upload = next
            onUpload(upload)
        }
        return upload
    }
    // docs: end

    /** Gives the last failure, if any. */
    private suspend fun sendParts(upload: Upload, file: File, onBytes: (Long) -> Unit): Exception? = coroutineScope {
        val gate = Semaphore(partsAtOnce)
        val sent = ConcurrentHashMap<Int, Long>()
        val failure = AtomicReference<Exception>()
        upload.missing.map { part ->
            async {
                gate.withPermit {
                    // The other URLs of this answer have expired, too.
                    if ((failure.get() as? Refusal)?.code == "url_refused") return@withPermit
                    try {
                        put(part, file) { bytes ->
                            sent[part.number] = bytes
                            onBytes(upload.bytesStored + sent.values.sum())
                        }
                    } catch (problem: IOException) {
                        sent.remove(part.number)
                        failure.set(problem)
                    } catch (refusal: Refusal) {
                        if (!refusal.isRetryable) throw refusal
                        sent.remove(part.number)
                        failure.set(refusal)
                    }
                }
            }
        }.awaitAll()
        failure.get()
    }

    private suspend fun put(part: Part, file: File, onBytes: (Long) -> Unit) {
        val answer = exchange("PUT", part.url, part.headers, Slice(file, part.offset, part.length), onBytes)
        // 412: it is stored already.
        if (answer.status < 300 || answer.status == 412) return
        val name = Regex("<Code>(\\w+)</Code>").find(answer.text)?.groupValues?.get(1).orEmpty()
        val detail = "Storage answered ${answer.status} $name"
        if (name == "BadDigest") throw Refusal("checksum_mismatch", "The file on this device has changed", isRetryable = false)
        // 403: the URL has expired. 404: the parts have been joined. Fresh URLs, or `complete`, cure both.
        throw Refusal(if (answer.status in setOf(403, 404)) "url_refused" else "storage_refused", detail, isRetryable = true)
    }

    private suspend fun follow(sent: Upload, onBytes: (Long) -> Unit): Upload {
        var upload = sent
        while (!upload.isFinal) {
            val (current, waitSeconds) = api.status(upload.id)
            upload = current
            onUpload(upload)
            onBytes(if (upload.status == "delivered") upload.size else upload.bytesDelivered)
            if (!upload.isFinal) delay(waitSeconds * 1000)
        }
        return upload
    }
}

private fun JSONObject.text(name: String): String? = if (isNull(name)) null else getString(name)
