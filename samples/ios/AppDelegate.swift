/// How an app holds the two together. In a SwiftUI app: `@UIApplicationDelegateAdaptor(AppDelegate.self)`.

import UIKit

extension Uploads {
    /// One for the whole app.
    static let shared: Uploads = {
        let configuration = URLSessionConfiguration.ephemeral
        // Without a network a call waits for it, up to the limit, instead of failing.
        configuration.waitsForConnectivity = true
        configuration.timeoutIntervalForResource = 600
        let api = BridgeApi(
            url: URL(string: "https://uploads.example.com")!, token: Account.token, session: URLSession(configuration: configuration))
        let folder = FileManager.default.urls(for: .applicationSupportDirectory, in: .userDomainMask)[0]
            .appendingPathComponent("attachment-uploads", isDirectory: true)
        return Uploads(api: api, jobs: Jobs(folder: folder), sender: BackgroundSession.shared)
    }()
}

/// Where your app keeps the user's sign-in. It is asked before every call, also after the app was dead for days.
enum Account {
    @Sendable static func token(renew: Bool) async throws -> String { throw URLError(.userAuthenticationRequired) }
}

final class AppDelegate: UIResponder, UIApplicationDelegate {
    func application(_ application: UIApplication, didFinishLaunchingWithOptions options: [UIApplication.LaunchOptionsKey: Any]? = nil) -> Bool {
        BackgroundSession.shared.uploads = .shared
        Uploads.shared.onChange = { key, change in
            switch change {
            case let .changed(upload): print(key, upload.status, upload.delivery.endsAs == "link" ? "as a link" : "")
            case let .progress(leg, bytes, total): print(key, leg, bytes, "of", total)  // your views
            case let .paused(reason): print(key, "waits:", reason)
            case let .ended(outcome): print(key, outcome.status, outcome.reason ?? outcome.link?.absoluteString ?? "")
            }
        }
        Uploads.shared.resumeAll()
        // In an app with scenes, as every SwiftUI app, UIKit does not call `applicationWillEnterForeground`.
        _ = NotificationCenter.default.addObserver(forName: UIApplication.willEnterForegroundNotification, object: nil, queue: .main) { _ in
            MainActor.assumeIsolated { Uploads.shared.resumeAll() }
        }
        return true
    }

    func application(
        _ application: UIApplication, handleEventsForBackgroundURLSession identifier: String,
        completionHandler: @escaping () -> Void
    ) {
        BackgroundSession.shared.eventsHandled = completionHandler
    }
}
