/// Sends the pieces by a background URLSession: the system goes on while the app is suspended or dead, and wakes it up
/// when all have ended.

import UIKit

@MainActor
final class BackgroundSession: NSObject, PieceSender, URLSessionTaskDelegate {
    /// One for the whole app: the system knows the session by its name.
    static let shared = BackgroundSession()
    weak var uploads: Uploads?
    /// From `application(_:handleEventsForBackgroundURLSession:completionHandler:)`.
    var eventsHandled: (() -> Void)?

    private lazy var session: URLSession = {
        let configuration = URLSessionConfiguration.background(withIdentifier: "attachment-uploads")
        // True would wait for Wi-Fi and power. The system takes tasks that an app starts in the background as
        // discretionary in any case: so all pieces are handed over while the user is there.
        configuration.isDiscretionary = false
        configuration.sessionSendsLaunchEvents = true
        configuration.allowsCellularAccess = true
        configuration.timeoutIntervalForResource = 3 * 24 * 3600
        configuration.httpMaximumConnectionsPerHost = 3
        return URLSession(configuration: configuration, delegate: self, delegateQueue: .main)
    }()

    func underWay() async -> Set<String> {
        Set(await session.allTasks.filter { $0.state == .running || $0.state == .suspended }.compactMap(\.taskDescription))
    }

    func send(_ request: URLRequest, piece: URL, name: String, notBefore: Date?) {
        let task = session.uploadTask(with: request, fromFile: piece)
        task.taskDescription = name
        task.earliestBeginDate = notBefore
        task.resume()
    }

    func cancel(_ names: Set<String>) async {
        for task in await session.allTasks where names.contains(task.taskDescription ?? "") { task.cancel() }
    }

    func beginWork(onExpiry: @escaping @MainActor () -> Void) -> @MainActor () -> Void {
        let time = BackgroundTime()
        // An app whose time has run out and that does not hand it back is killed.
        time.id = UIApplication.shared.beginBackgroundTask(withName: "attachment-upload") {
            onExpiry()
            time.end()
        }
        return time.end
    }

    nonisolated func urlSession(
        _ session: URLSession, task: URLSessionTask, didSendBodyData bytesSent: Int64, totalBytesSent: Int64,
        totalBytesExpectedToSend: Int64
    ) {
        guard let name = task.taskDescription else { return }
        Task { @MainActor in uploads?.pieceSent(name, bytes: Int(totalBytesSent)) }
    }

    /// However it ended: `complete` knows what storage has. 403: the URL has expired. 412: it is stored already.
    nonisolated func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        guard let name = task.taskDescription else { return }
        let status = (task.response as? HTTPURLResponse)?.statusCode ?? 0
        let problem = error?.localizedDescription ?? ([200, 412].contains(status) ? nil : "Storage answered \(status)")
        Task { @MainActor in uploads?.pieceEnded(name, problem: problem) }
    }

    nonisolated func urlSessionDidFinishEvents(forBackgroundURLSession session: URLSession) {
        Task { @MainActor in
            eventsHandled?()
            eventsHandled = nil
        }
    }
}

/// Time in the background, until it is handed back.
@MainActor
private final class BackgroundTime {
    var id = UIBackgroundTaskIdentifier.invalid

    func end() {
        guard id != .invalid else { return }
        UIApplication.shared.endBackgroundTask(id)
        id = .invalid
    }
}
