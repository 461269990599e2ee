import KMSCrypto
import KMSModel
import Synchronization

/// What share holders do to a server that is sealed, over its control socket.
final class Unsealing: Sendable {
    private let collection: ShareCollection
    /// Opens everything with all the shares that are needed.
    private let open: @Sendable ([KeyShare]) async throws -> Void
    /// So that two who bring the last share at once do not open it twice.
    private let isOpening = Mutex(false)

    init(_ scheme: ShareScheme, open: @escaping @Sendable ([KeyShare]) async throws -> Void) {
        collection = ShareCollection(of: scheme)
        self.open = open
    }

    /// What the socket answers while the server is sealed.
    var commands: [ControlCommand] {
        [
            ControlCommand(name: UnsealCommand.name) { [self] members, _ in try await add(members) },
            ControlCommand(name: UnsealCommand.resetName) { [self] _, _ in
                collection.reset()
                return status
            },
            ControlCommand(name: StatusCommand.name) { [self] _, _ in status },
        ]
    }

    private var status: JSONObject {
        let progress = collection.progress
        return JSONObject([
            "sealed": .bool(true), "kind": .string(SealKind.shares.rawValue),
            "given": .number(String(progress.given)), "threshold": .number(String(progress.threshold)),
            "set": .string(collection.scheme.setName),
        ])
    }

    private func add(_ members: JSONObject) async throws -> JSONObject {
        let shares = try takeShare(in: members)
        guard let shares else { return status }
        guard
            isOpening.withLock({ isOpening in
                defer { isOpening = true }
                return !isOpening
            })
        else { throw CommandFailure.operation("the seal is being opened already") }
        do {
            try await open(shares)
        } catch {
            isOpening.withLock { $0 = false }
            throw error
        }
        return StatusCommand.unsealed(.shares)
    }

    private func takeShare(in members: JSONObject) throws -> [KeyShare]? {
        guard let text = members.text("share") else {
            throw CommandFailure.operation("there is no share in the request")
        }
        let secret: SealSecret
        do throws(SecretFailure) {
            secret = try SealSecret(copying: text.utf8)
        } catch {
            throw CommandFailure.operation("cannot read the key share: \(error.reason)")
        }
        let share = try ShareText.share(secret, in: nil)
        do throws(ShareCollection.Refusal) {
            return try collection.add(share)
        } catch {
            throw CommandFailure.operation(error.description)
        }
    }
}
