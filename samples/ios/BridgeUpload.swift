/// Uploads to the IPD attachment bridge, without UIKit: the calls of the API, the state on disk, and what to do next.
/// BackgroundSession.swift sends the pieces while the app may be dead.

import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// The body of `POST /v1/uploads`. `size` is in bytes.
struct NewUpload: Codable, Sendable {
    let projectId, issueId, filename, contentType: String
    var size = 0
}

/// What the bridge says of an upload.
struct Upload: Decodable, Sendable {
    struct Part: Decodable, Sendable { let number, offset, length: Int; let url: URL; let headers: [String: String] }
    struct Staging: Decodable, Sendable { let bytesStored: Int; let url: URL?; let headers: [String: String]?; let parts: [Part]? }
    struct Delivery: Decodable, Sendable { let bytesSent: Int; let endsAs: String? }
    struct Attachment: Decodable, Sendable { let id: String? }
    struct Link: Decodable, Sendable { let url: URL; let expiresAt: String }
    struct Failure: Decodable, Sendable { let code, message: String; let retryable: Bool }
    let id: String
    /// The list is open: take an unknown status as not final.
    let status: String
    let size: Int
    let staging: Staging
    let delivery: Delivery
    let attachment: Attachment?
    /// What the work item has of a file that is too large for an attachment. As secret as the file.
    let link: Link?
    let error: Failure?

    var isAwaited: Bool { status == "awaiting_upload" }
    var isFinal: Bool { ["delivered", "failed", "expired", "cancelled", "removed"].contains(status) }

    /// What storage lacks, in answers of create and `urls`. A file in one piece is its own only part.
    var missing: [Part] {
        if let parts = staging.parts { return parts }
        guard let url = staging.url, let headers = staging.headers else { return [] }
        return [Part(number: 1, offset: 0, length: size, url: url, headers: headers)]
    }
}

/// The bridge does not want the call: branch on `code`, show `shown`. The system asks for the user's language by itself.
struct Refusal: Error, Decodable, Sendable {
    let code, detail: String
    var userMessage: String?
    let retryable: Bool
    var waitSeconds: Double?

    var shown: String { userMessage ?? detail }

    private enum CodingKeys: CodingKey { case code, detail, userMessage, retryable }
}

/// How an upload ended: a final status, or `refused`. `reason` is for the person who sent the file.
struct Outcome: Codable, Sendable, Equatable {
    let status: String
    var code, reason: String?
    var attachmentId: String?
    var link: URL?
    /// When the bridge removes link and file, ISO 8601.
    var linkExpiresAt: String?
}

/// The calls of the API. `token` gives the user's JWT; its argument says that the last one was refused.
struct BridgeApi: Sendable {
    let url: URL
    let token: @Sendable (_ renew: Bool) async throws -> String
    let session: URLSession

    /// The same key with the same file is the same upload.
    func create(_ about: NewUpload, key: String) async throws -> Upload {
        try await call("POST", "v1/uploads", key: key, body: JSONEncoder().encode(about)).upload
    }

    /// `wait` is in seconds, until the next call.
    func status(_ id: String) async throws -> (upload: Upload, wait: Double) {
        try await call("GET", "v1/uploads/\(id)")
    }

    func cancel(_ id: String) async throws { _ = try await answer("DELETE", "v1/uploads/\(id)", key: nil, body: nil) }

    /// Whether all is stored; if not, fresh URLs for what is missing.
    func complete(_ id: String) async throws -> Upload {
        do {
            return try await call("POST", "v1/uploads/\(id)/complete").upload
        } catch let refusal as Refusal where refusal.code == "upload_incomplete" {
            return try await call("POST", "v1/uploads/\(id)/urls").upload
        } catch let refusal as Refusal where refusal.code == "upload_state_conflict" {
            return try await status(id).upload
        }
    }

    private func call(_ method: String, _ path: String, key: String? = nil, body: Data? = nil) async throws -> (upload: Upload, wait: Double) {
        let (data, http) = try await answer(method, path, key: key, body: body)
        return (try JSONDecoder().decode(Upload.self, from: data), http.waitSeconds ?? 5)
    }

    private func answer(_ method: String, _ path: String, key: String?, body: Data?) async throws -> (Data, HTTPURLResponse) {
        var (data, http) = try await ask(method, path, key: key, body: body, renew: false)
        if http.statusCode == 401 { (data, http) = try await ask(method, path, key: key, body: body, renew: true) }
        guard http.statusCode >= 300 else { return (data, http) }
        // Without a code it is the gateway's answer, or that of a hotel's sign-in page: the upload may go on later.
        var refusal = (try? JSONDecoder().decode(Refusal.self, from: data))
            ?? Refusal(code: "http_\(http.statusCode)", detail: "The server answered \(http.statusCode)", retryable: true)
        refusal.waitSeconds = http.waitSeconds
        throw refusal
    }

    private func ask(_ method: String, _ path: String, key: String?, body: Data?, renew: Bool) async throws -> (Data, HTTPURLResponse) {
        var request = URLRequest(url: url.appendingPathComponent(path), cachePolicy: .reloadIgnoringLocalCacheData)
        request.httpMethod = method
        request.setValue("Bearer \(try await token(renew))", forHTTPHeaderField: "Authorization")
        if let key { request.setValue(key, forHTTPHeaderField: "Idempotency-Key") }
        if let body {
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.httpBody = body
        }
        let (data, response) = try await session.data(for: request)
        guard let http = response as? HTTPURLResponse else { throw URLError(.badServerResponse) }
        return (data, http)
    }
}

extension HTTPURLResponse {
    fileprivate var waitSeconds: Double? { value(forHTTPHeaderField: "Retry-After").flatMap(Double.init) }
}

/// A file on its way, as it stands on disk. `key` is a UUID and names it for the bridge and for this device.
struct Job: Codable, Sendable {
    let key: String
    let about: NewUpload
    var id: String?
    var outcome: Outcome?
}

/// The jobs in a folder of the app. Only names are written down: the folder's path changes with every update of the app.
struct Jobs: Sendable {
    let folder: URL

    /// Copies the file, since what a picker gives is gone with the process, and writes the job down; both before the
    /// first call, so that the next start finds the job however early the process dies.
    func add(_ file: URL, _ about: NewUpload, key: String) throws -> Job {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try? FileManager.default.removeItem(at: copy(of: key))
        #if canImport(UIKit)
        // A file that a picker gives from outside the app may be read between these two calls only.
        let isScoped = file.startAccessingSecurityScopedResource()
        defer { if isScoped { file.stopAccessingSecurityScopedResource() } }
        #endif
        // On Apple's file system a copy takes no room of its own.
        try FileManager.default.copyItem(at: file, to: copy(of: key))
        var about = about
        about.size = (try FileManager.default.attributesOfItem(atPath: copy(of: key).path)[.size] as? NSNumber)?.intValue ?? 0
        let job = Job(key: key, about: about)
        try save(job)
        return job
    }

    /// Ended ones stay, so that the user can read their outcome, until `forget`.
    func all() -> [Job] { files().filter { $0.hasSuffix(".json") }.compactMap { load(String($0.dropLast(5))) } }

    func load(_ key: String) -> Job? {
        (try? Data(contentsOf: record(of: key))).flatMap { try? JSONDecoder().decode(Job.self, from: $0) }
    }

    func save(_ job: Job) throws {
        try JSONEncoder().encode(job).write(to: record(of: job.key), options: Self.writing)
    }

    /// Deletes the copy and its pieces. Changes nothing once the job was forgotten.
    func end(_ job: Job, _ outcome: Outcome) throws {
        if load(job.key) != nil {
            var job = job
            job.outcome = outcome
            try save(job)
        }
        for name in files() where name.hasPrefix("\(job.key).") && !name.hasSuffix(".json") { removePiece(name) }
    }

    func forget(_ key: String) { for name in files() where name.hasPrefix("\(key).") { removePiece(name) } }

    /// What a process left that died before it wrote the job down.
    func removeStrays() { for name in files() where load(String(name.prefix(36))) == nil { removePiece(name) } }

    /// A part as a file of its own, since a background session sends files only. A file in one piece is sent as it is.
    func cut(_ part: Upload.Part, of job: Job) throws -> URL {
        if part.length == job.about.size { return copy(of: job.key) }
        let piece = folder.appendingPathComponent("\(job.key).\(part.number)")
        let file = try FileHandle(forReadingFrom: copy(of: job.key))
        defer { try? file.close() }
        try file.seek(toOffset: UInt64(part.offset))
        let bytes = try file.read(upToCount: part.length) ?? Data()
        try bytes.write(to: piece, options: Self.writing)
        return piece
    }

    func removePiece(_ name: String) { try? FileManager.default.removeItem(at: folder.appendingPathComponent(name)) }

    /// Readable while the device is locked, but not before it was unlocked once.
    private static var writing: Data.WritingOptions {
        #if os(Linux)
        .atomic
        #else
        [.atomic, .completeFileProtectionUntilFirstUserAuthentication]
        #endif
    }

    private func files() -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? [] }
    private func record(of key: String) -> URL { folder.appendingPathComponent("\(key).json") }
    private func copy(of key: String) -> URL { folder.appendingPathComponent("\(key).data") }
}

/// What sends the pieces. It reports to `Uploads.pieceSent` and, however a piece ended, to `Uploads.pieceEnded`.
@MainActor
protocol PieceSender: AnyObject {
    /// Names of the pieces that are on their way, those of an earlier process included.
    func underWay() async -> Set<String>
    func send(_ request: URLRequest, piece: URL, name: String, notBefore: Date?)
    func cancel(_ names: Set<String>) async
    /// Asks the system for time in the background, and gives what hands it back. `onExpiry`: it is over.
    func beginWork(onExpiry: @escaping @MainActor () -> Void) -> @MainActor () -> Void
}

enum Change: Sendable {
    /// The bridge has answered.
    case changed(Upload)
    case progress(leg: String, bytes: Int, total: Int)
    /// It goes on by itself, at the latest with the next start of the app.
    case paused(reason: String)
    case ended(Outcome)
}

/// Carries each job from wherever an earlier process left it to its end.
@MainActor
final class Uploads {
    var onChange: (_ key: String, Change) -> Void = { _, _ in }

    private let api: BridgeApi
    private let jobs: Jobs
    private let sender: any PieceSender
    private var running: [String: Task<Void, Never>] = [:]
    private var again: Set<String> = []
    private var bytesSent: [String: [String: Int]] = [:]
    private var latest: [String: Upload] = [:]
    private var inVain: [String: Int] = [:]

    init(api: BridgeApi, jobs: Jobs, sender: any PieceSender) {
        (self.api, self.jobs, self.sender) = (api, jobs, sender)
    }

    /// Copies the file and begins to send it; gives the job's key.
    func start(_ file: URL, _ about: NewUpload, key: String = UUID().uuidString) throws -> String {
        let job = try jobs.add(file, about, key: key)
        advance(job.key)
        return job.key
    }

    /// At each start of the app, and whenever it comes to the foreground.
    func resumeAll() {
        jobs.removeStrays()
        for job in jobs.all() where job.outcome == nil { advance(job.key) }
    }

    /// With each one's outcome.
    func all() -> [Job] { jobs.all() }

    /// Takes the upload back, as long as IPD cannot have it; a linked file also later.
    func cancel(_ key: String) async throws {
        if let id = jobs.load(key)?.id { try await api.cancel(id) }
        forget(key)
        running[key]?.cancel()
        await sender.cancel(await sender.underWay().filter { $0.hasPrefix(key) })
    }

    /// When the user has read the outcome.
    func forget(_ key: String) { jobs.forget(key) }

    func pieceSent(_ name: String, bytes: Int) {
        let key = String(name.prefix(36))
        bytesSent[key, default: [:]][name] = bytes
        guard let upload = latest[key] else { return }
        report(key, upload, leg: "staging", bytes: upload.staging.bytesStored + (bytesSent[key]?.values.reduce(0, +) ?? 0))
    }

    /// `problem`: why the piece did not get there; it is sent again.
    func pieceEnded(_ name: String, problem: String?) {
        let key = String(name.prefix(36))
        jobs.removePiece(name)
        if let problem { onChange(key, .paused(reason: problem)) }
        advance(key)
    }

    private func advance(_ key: String) {
        guard running[key] == nil else {
            again.insert(key)
            return
        }
        again.remove(key)
        running[key] = Task {
            let end = sender.beginWork { [weak self] in self?.running[key]?.cancel() }
            await carryOn(key)
            running[key] = nil
            if again.contains(key) { advance(key) }
            end()
        }
    }

    private func carryOn(_ key: String) async {
        for attempt in 0... {
            guard let job = jobs.load(key), job.outcome == nil else { return }
            do {
                // The last piece to end comes back here.
                if await sender.underWay().contains(where: { $0.hasPrefix(key) }) {
                    if latest[key] == nil, let id = job.id { latest[key] = try await api.status(id).upload }
                    return
                }
                return try await step(job)
            } catch let refusal as Refusal where !refusal.retryable {
                return finish(job, Outcome(status: "refused", code: refusal.code, reason: refusal.shown))
            } catch {
                onChange(key, .paused(reason: (error as? Refusal)?.shown ?? error.localizedDescription))
                let wait = (error as? Refusal)?.waitSeconds ?? min(60, pow(2, Double(attempt)))
                // Cancelled: the time in the background is over, or the user has cancelled.
                do { try await Task.sleep(nanoseconds: UInt64(wait * 1e9)) } catch { return }
            }
        }
    }

    // docs: step
    /// Asks what is missing and hands it over; when nothing is, follows until IPD has the file.
    private func step(_ job: Job) async throws {
        var job = job
        let upload: Upload
        if let id = job.id {
            upload = try await api.complete(id)
        } else {
            upload = try await api.create(job.about, key: job.key)
            job.id = upload.id
            try jobs.save(job)
        }
        onChange(job.key, .changed(upload))
        if upload.isAwaited { return try await handOver(upload, job) }
        let final = try await follow(upload, job.key)
        let failure = final.status == "delivered" ? nil : final.error
        finish(job, Outcome(
            status: final.status, code: failure?.code, reason: failure?.message, attachmentId: final.attachment?.id,
            link: final.link?.url, linkExpiresAt: final.link?.expiresAt))
    }

    private func handOver(_ upload: Upload, _ job: Job) async throws {
        let gained = upload.staging.bytesStored > latest[job.key]?.staging.bytesStored ?? -1
        inVain[job.key] = gained ? 0 : (inVain[job.key] ?? 0) + 1
        let rounds = inVain[job.key] ?? 0
        latest[job.key] = upload
        bytesSent[job.key] = [:]
        report(job.key, upload, leg: "staging", bytes: upload.staging.bytesStored)
        for part in upload.missing {
            let jobs = jobs
            let piece = try await Task.detached { try jobs.cut(part, of: job) }.value
            var request = URLRequest(url: part.url)
            request.httpMethod = "PUT"
            // URLSession sets the length of the file itself.
            for (name, value) in part.headers where name.lowercased() != "content-length" { request.setValue(value, forHTTPHeaderField: name) }
            let notBefore = rounds > 0 ? Date(timeIntervalSinceNow: min(600, pow(2, Double(rounds)))) : nil
            sender.send(request, piece: piece, name: "\(job.key).\(part.number)", notBefore: notBefore)
        }
        if upload.missing.isEmpty { throw Refusal(code: "upload_incomplete", detail: "Storage checks the file", retryable: true) }
    }
    // docs: end

    private func follow(_ upload: Upload, _ key: String) async throws -> Upload {
        var upload = upload
        while !upload.isFinal {
            let (current, wait) = try await api.status(upload.id)
            upload = current
            onChange(key, .changed(upload))
            report(key, upload, leg: "delivery", bytes: upload.status == "delivered" ? upload.size : upload.delivery.bytesSent)
            if !upload.isFinal { try await Task.sleep(nanoseconds: UInt64(wait * 1e9)) }
        }
        return upload
    }

    private func finish(_ job: Job, _ outcome: Outcome) {
        try? jobs.end(job, outcome)
        (latest[job.key], bytesSent[job.key], inVain[job.key]) = (nil, nil, nil)
        onChange(job.key, .ended(outcome))
    }

    private func report(_ key: String, _ upload: Upload, leg: String, bytes: Int) {
        onChange(key, .progress(leg: leg, bytes: min(bytes, upload.size), total: upload.size))
    }
}
