/** The logic of the Android sample as a driver of the conformance suite. What WorkManager does is a loop here. */
package bridge.conformance

import bridge.BridgeApi
import bridge.NewUpload
import bridge.Outcome
import bridge.Refusal
import bridge.Transfer
import bridge.Upload
import bridge.UploadJobs
import bridge.exchange
import java.io.File
import java.io.IOException
import kotlin.system.exitProcess
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.json.JSONArray
import org.json.JSONObject

private fun variable(name: String): String = System.getenv(name) ?: error("$name is not set")

private val output = System.out

private fun say(event: String, vararg members: Pair<String, Any?>) {
    val line = JSONObject().put("event", event)
    for ((name, value) in members) line.put(name, value ?: JSONObject.NULL)
    synchronized(output) {
        output.println(line)
        output.flush()
    }
}

class Driver(private val scope: CoroutineScope) {
    private val jobs = UploadJobs(File(variable("STATE_DIRECTORY")))
    private var token: String? = null
    private var work: Job? = null
    private var key: String? = null
    private var isPaused = false
    private var id: String? = null
    private var status: String? = null
    private val api = BridgeApi(variable("API_URL")) { renew -> token.takeIf { !renew } ?: newToken() }
    private val transfer = Transfer(api, jobs, onUpload = ::heard)

    fun upload() {
        val about = NewUpload(variable("PROJECT_ID"), variable("ISSUE_ID"), variable("FILENAME"), variable("CONTENT_TYPE"), 0)
        carry(jobs.add(about, File(variable("FILE")).inputStream()).key)
    }

    fun resume() {
        jobs.removeStrays()
        val job = jobs.all().firstOrNull()
        if (job == null) say("nothing") else carry(job.key)
    }

    suspend fun cancel() {
        val key = key ?: return
        work?.cancelAndJoin()
        try {
            transfer.cancel(key)
            finished(Outcome("cancelled"))
        } catch (_: Refusal) {
            // Too late: IPD may have it.
            carry(key)
        }
    }

    private fun carry(key: String) {
        this.key = key
        work = scope.launch(Dispatchers.Default) {
            var waitSeconds = 1L
            while (true) {
                try {
                    val outcome = transfer.run(key) { _, _ -> goOn() } ?: continue
                    jobs.forget(key)
                    finished(outcome)
                    return@launch
                } catch (refusal: Refusal) {
                    pause(refusal.message)
                    delay(1000 * (refusal.waitSeconds ?: waitSeconds))
                } catch (problem: IOException) {
                    pause(problem.message)
                    delay(1000 * waitSeconds)
                }
                waitSeconds = minOf(30, waitSeconds * 2)
            }
        }
    }

    private fun heard(upload: Upload) {
        goOn()
        if (id != upload.id) say("created", "id" to upload.id)
        if (status != upload.status) say("status", "status" to upload.status)
        id = upload.id
        status = upload.status
    }

    private fun pause(reason: String?) {
        isPaused = true
        say("paused", "reason" to (reason ?: "no answer"))
    }

    private fun goOn() {
        if (isPaused) say("paused", "reason" to null)
        isPaused = false
    }

    private fun finished(outcome: Outcome) {
        val error = outcome.code?.let { JSONObject().put("code", it).put("message", outcome.reason ?: it) }
        say("finished", "status" to outcome.status, "attachment" to outcome.attachmentId, "error" to error)
    }

    private suspend fun newToken(): String =
        JSONObject(exchange("GET", variable("TOKEN_URL"), emptyMap()).text).getString("token").also { token = it }
}

fun main() = runBlocking {
    val driver = Driver(this)
    say("started", "can" to JSONArray(listOf("pause", "cancel")))
    launch(Dispatchers.IO) {
        for (line in generateSequence(::readlnOrNull)) when (JSONObject(line).getString("command")) {
            "upload" -> driver.upload()
            "resume" -> driver.resume()
            "cancel" -> driver.cancel()
            "exit" -> exitProcess(0)
        }
        exitProcess(0)
    }
    Unit
}
