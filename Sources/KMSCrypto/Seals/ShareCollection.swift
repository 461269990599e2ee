import Synchronization

/// The shares that have been given to open a seal, until there are enough.
package final class ShareCollection: Sendable {
    /// How far it is.
    package struct Progress: Equatable, Sendable {
        /// How many different shares are there.
        package let given: Int
        /// How many are needed.
        package let threshold: Int
    }

    /// Why a share was not taken; what was there before is still there.
    package enum Refusal: Error, Equatable, Sendable, CustomStringConvertible {
        case givenAlready(index: Int)
        /// Of another seal, or of this one before its shares were made anew.
        case otherSet(given: String, wanted: String)

        package var description: String {
            switch self {
            case .givenAlready(let index): "share \(index) was given already"
            case .otherSet(let given, let wanted): "the share is of the set \(given), and the seal of the set \(wanted)"
            }
        }
    }

    /// What is to be opened.
    package let scheme: ShareScheme
    private let shares = Mutex<[KeyShare]>([])

    package init(of scheme: ShareScheme) { self.scheme = scheme }

    /// How far it is.
    package var progress: Progress {
        Progress(given: shares.withLock { $0.count }, threshold: scheme.threshold)
    }

    /// Takes a share.
    ///
    /// - Returns: All that are needed, once they are there; they are forgotten here then.
    package func add(_ share: KeyShare) throws(Refusal) -> [KeyShare]? {
        guard share.set == scheme.set, share.threshold == scheme.threshold, share.index <= scheme.count else {
            throw .otherSet(given: share.setName, wanted: scheme.setName)
        }
        return try shares.withLock { shares throws(Refusal) in
            guard !shares.contains(where: { $0.index == share.index }) else {
                throw .givenAlready(index: share.index)
            }
            shares.append(share)
            guard shares.count >= scheme.threshold else { return nil }
            defer { shares = [] }
            return shares
        }
    }

    /// Forgets all shares.
    package func reset() { shares.withLock { $0 = [] } }
}
