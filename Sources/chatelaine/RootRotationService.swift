import KMSEngine
import Logging
import ServiceLifecycle

/// Goes on with a rotation of the root key that was interrupted, and lets an old root key go when its time is over.
struct RootRotationService: Service {
    /// How often it looks, and how long it waits after a failure.
    private static let (interval, pause): (Duration, Duration) = (.seconds(1), .seconds(60))

    let data: DataDirectory
    let logger: Logger

    func run() async {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do throws(RootRotation.Failure) {
                    try await data.engine.rootRotation.doWhatIsDue(sealing: data.sealing)
                    try? await Task.sleep(for: Self.interval)
                } catch {
                    logger.error(
                        "The rotation of the root key did not go on",
                        metadata: ["reason": "\(CommandFailure(error).message)"])
                    try? await Task.sleep(for: Self.pause)
                }
            }
        }
    }
}
