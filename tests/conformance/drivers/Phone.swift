/// The logic of the iOS sample as a driver of the conformance suite. What a background URLSession does, a plain one does
/// here, as long as the process lives.

import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

private func variable(_ name: String) -> String {
    guard let value = ProcessInfo.processInfo.environment[name] else { fatalError("\(name) is not set") }
    return value
}

private func say(_ event: String, _ members: [String: Any] = [:]) {
    let line = try! JSONSerialization.data(withJSONObject: members.merging(["event": event]) { $1 })
    FileHandle.standardOutput.write(line + Data("\n".utf8))
}

@MainActor
private final class PlainSession: PieceSender {
    weak var uploads: Uploads?
    private var tasks: [String: Task<Void, Never>] = [:]

    func underWay() async -> Set<String> { Set(tasks.keys) }

    func send(_ request: URLRequest, piece: URL, name: String, notBefore: Date?) {
        tasks[name] = Task {
            if let notBefore { try? await Task.sleep(nanoseconds: UInt64(max(0, notBefore.timeIntervalSinceNow) * 1e9)) }
            var problem: String?
            do {
                let (_, response) = try await URLSession.shared.upload(for: request, fromFile: piece)
                let status = (response as? HTTPURLResponse)?.statusCode ?? 0
                if ![200, 412].contains(status) { problem = "Storage answered \(status)" }
            } catch {
                problem = error.localizedDescription
            }
            tasks[name] = nil
            uploads?.pieceEnded(name, problem: problem)
        }
    }

    func cancel(_ names: Set<String>) async { for name in names { tasks[name]?.cancel() } }

    func beginWork(onExpiry: @escaping @MainActor () -> Void) -> @MainActor () -> Void { {} }
}

private actor Tokens {
    private var token: String?

    func token(renew: Bool) async throws -> String {
        if let token, !renew { return token }
        let (data, _) = try await URLSession.shared.data(from: URL(string: variable("TOKEN_URL"))!)
        let answer = try JSONDecoder().decode([String: String].self, from: data)
        token = answer["token"]
        return token ?? ""
    }
}

@MainActor
private final class Driver {
    private let session = PlainSession()
    private let uploads: Uploads
    private var id: String?
    private var status: String?
    private var isPaused = false

    init() {
        let tokens = Tokens()
        let api = BridgeApi(
            url: URL(string: variable("API_URL"))!, token: { try await tokens.token(renew: $0) }, session: .shared)
        uploads = Uploads(api: api, jobs: Jobs(folder: URL(fileURLWithPath: variable("STATE_DIRECTORY"))), sender: session)
        session.uploads = uploads
        uploads.onChange = { [weak self] key, change in self?.heard(key, change) }
    }

    func run(_ command: String) async {
        switch command {
        case "upload":
            let about = NewUpload(
                projectId: variable("PROJECT_ID"), issueId: variable("ISSUE_ID"), filename: variable("FILENAME"),
                contentType: variable("CONTENT_TYPE"))
            _ = try! uploads.start(URL(fileURLWithPath: variable("FILE")), about)
        case "resume":
            uploads.resumeAll()
            guard let job = uploads.all().first else { return say("nothing") }
            if let outcome = job.outcome { finished(job.key, outcome) }
        case "cancel":
            guard let key = uploads.all().first?.key else { return }
            // Refused when it is too late: then it goes on.
            guard (try? await uploads.cancel(key)) != nil else { return }
            finished(key, Outcome(status: "cancelled"))
        default:
            exit(0)
        }
    }

    private func heard(_ key: String, _ change: Change) {
        if case let .paused(reason) = change {
            isPaused = true
            return say("paused", ["reason": reason])
        }
        if isPaused { say("paused", ["reason": NSNull()]) }
        isPaused = false
        if case let .ended(outcome) = change { return finished(key, outcome) }
        guard case let .changed(upload) = change else { return }
        if id != upload.id { say("created", ["id": upload.id]) }
        if status != upload.status { say("status", ["status": upload.status]) }
        (id, status) = (upload.id, upload.status)
    }

    private func finished(_ key: String, _ outcome: Outcome) {
        uploads.forget(key)
        let error: Any = outcome.code.map { ["code": $0, "message": outcome.reason ?? $0] } ?? NSNull()
        say("finished", ["status": outcome.status, "attachment": outcome.attachmentId ?? NSNull(), "error": error])
    }
}

@main
@MainActor
struct Phone {
    static func main() async {
        let driver = Driver()
        say("started", ["can": ["pause", "cancel"]])
        Thread.detachNewThread {
            while let line = readLine() {
                let command = (try? JSONDecoder().decode([String: String].self, from: Data(line.utf8)))?["command"] ?? "exit"
                Task { @MainActor in await driver.run(command) }
            }
            exit(0)
        }
        while true { try? await Task.sleep(nanoseconds: 3_600_000_000_000) }
    }
}
