import KMSCrypto
import Synchronization

/// The forms of one session that were sent lately: a form that is sent twice is done once, and answered twice.
///
/// Two sendings are the same when all that they say is the same, the number of the page included. Answers that are a page
/// are not kept: nothing was done then, or nothing that may not be done again.
package final class SentForms: Sendable {
    /// How many answers are kept.
    package static let mostKept = 16

    private struct Sending {
        let digest: [UInt8]
        var answer: ConsoleResponse?
        var waiting: [CheckedContinuation<ConsoleResponse?, Never>] = []
    }

    private let sendings = Mutex<[Sending]>([])

    package init() {}

    /// What the form was answered with, or else what `work` answers; a second sending waits for the first.
    ///
    /// - Returns: The answer, and whether it is of what was done by an earlier sending.
    package func answer(
        to request: ConsoleRequest, by work: () async -> ConsoleResponse
    ) async -> (response: ConsoleResponse, isRepeated: Bool) {
        let digest = Self.digest(of: request)
        if let known = await earlier(digest) { return (known, Self.isKept(known)) }
        let answer = await work()
        finish(digest, answer)
        return (answer, false)
    }

    private static func isKept(_ answer: ConsoleResponse) -> Bool { answer.status == 303 }

    /// The answer to the same form; nil for the first sending, which is on its way from then on.
    private func earlier(_ digest: [UInt8]) async -> ConsoleResponse? {
        await withCheckedContinuation { continuation in
            let known: ConsoleResponse?? = sendings.withLock { sendings in
                if let place = sendings.firstIndex(where: { $0.digest == digest }) {
                    if let answer = sendings[place].answer { return .some(answer) }
                    sendings[place].waiting.append(continuation)
                    return nil
                }
                if sendings.count >= Self.mostKept, let oldest = sendings.firstIndex(where: { $0.answer != nil }) {
                    sendings.remove(at: oldest)
                }
                sendings.append(Sending(digest: digest))
                return .some(nil)
            }
            if let known { continuation.resume(returning: known) }
        }
    }

    private func finish(_ digest: [UInt8], _ answer: ConsoleResponse) {
        let waiting = sendings.withLock { sendings -> [CheckedContinuation<ConsoleResponse?, Never>] in
            guard let place = sendings.firstIndex(where: { $0.digest == digest }) else { return [] }
            let waiting = sendings[place].waiting
            if Self.isKept(answer) {
                (sendings[place].answer, sendings[place].waiting) = (answer, [])
            } else {
                sendings.remove(at: place)
            }
            return waiting
        }
        for continuation in waiting { continuation.resume(returning: answer) }
    }

    /// Each text goes in behind its length, so that no two forms are the same bytes.
    private static func digest(of request: ConsoleRequest) -> [UInt8] {
        var bytes: [UInt8] = []
        for text in [request.target] + request.form.pairs.flatMap({ [$0.name, $0.value] }) {
            bytes += Array("\(text.utf8.count) ".utf8) + Array(text.utf8)
        }
        return Digest.sha256(bytes)
    }
}
