/// The members of UIKit that the sample uses, and those of Foundation that it has on Apple's systems only, for a compiler
/// on Linux.

@_exported import Foundation
@_exported import FoundationNetworking

public struct UIBackgroundTaskIdentifier: Equatable, Sendable {
    public static let invalid = UIBackgroundTaskIdentifier()
}

@MainActor open class UIResponder: NSObject {}

@MainActor public final class UIApplication: UIResponder {
    public struct LaunchOptionsKey: Hashable, Sendable {}
    public static let shared = UIApplication()
    public nonisolated static let willEnterForegroundNotification = Notification.Name("willEnterForeground")
    public func beginBackgroundTask(
        withName name: String?, expirationHandler handler: (@MainActor @Sendable () -> Void)? = nil
    ) -> UIBackgroundTaskIdentifier { fatalError("a phone") }
    public func endBackgroundTask(_ identifier: UIBackgroundTaskIdentifier) { fatalError("a phone") }
}

@MainActor public protocol UIApplicationDelegate: AnyObject {}

extension URLSessionConfiguration {
    public class func background(withIdentifier identifier: String) -> URLSessionConfiguration { fatalError("a phone") }
    public var isDiscretionary: Bool { get { fatalError("a phone") } set { fatalError("a phone") } }
    public var sessionSendsLaunchEvents: Bool { get { fatalError("a phone") } set { fatalError("a phone") } }
    public var waitsForConnectivity: Bool { get { fatalError("a phone") } set { fatalError("a phone") } }
}

extension URL {
    public func startAccessingSecurityScopedResource() -> Bool { false }
    public func stopAccessingSecurityScopedResource() {}
}

extension URLSession {
    public var allTasks: [URLSessionTask] { get async { fatalError("a phone") } }
}
