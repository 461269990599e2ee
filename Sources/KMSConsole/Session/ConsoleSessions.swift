package import Foundation
package import KMSCrypto
package import KMSModel
import Synchronization

/// Who is signed in.
///
/// In memory: a restart signs everybody out. Sessions are found by the hash of what the browser has, so that the time of
/// looking tells nothing of those that are there. What a session may do is asked anew with each request: it holds nothing but
/// which credentials it was begun with.
package final class ConsoleSessions: Sendable {
    /// How long a session lasts, and how long it lasts unused, in seconds.
    package static let (longest, longestIdle): (TimeInterval, TimeInterval) = (12 * 3600, 3600)
    /// How many sessions there are at once.
    package static let mostSessions = 10_000
    /// How many sessions one user, role or root user has at most: nobody makes others lose theirs.
    package static let mostOfOne = 20

    private struct Entry {
        var session: ConsoleSession
        var lastUse: Date
        var notice: String?
        var newAccessKeys: [NewAccessKey] = []

        func isOver(at now: Date) -> Bool {
            now.timeIntervalSince(session.begin) >= ConsoleSessions.longest
                || now.timeIntervalSince(lastUse) >= ConsoleSessions.longestIdle
        }
    }

    private let entries = Mutex<[[UInt8]: Entry]>([:])
    private let longestShown: Duration

    /// - Parameter longestShown: How long the secret of a new access key is kept for the page that shows it.
    package init(longestShown: Duration = .seconds(60)) { self.longestShown = longestShown }

    /// Begins a session.
    ///
    /// - Returns: What the browser shows from then on.
    /// - Throws: ``CryptoFailure``.
    package func begin(_ session: ConsoleSession) throws(CryptoFailure) -> String {
        let name = try ConsoleToken.make()
        entries.withLock { entries in
            if entries.count >= Self.mostSessions {
                entries = entries.filter { !$0.value.isOver(at: session.begin) }
            }
            let own = entries.filter { $0.value.session.owner == session.owner }
            if own.count >= Self.mostOfOne, let oldest = own.min(by: { $0.value.lastUse < $1.value.lastUse })?.key {
                entries[oldest] = nil
            }
            // The one that was used longest ago makes room.
            if entries.count >= Self.mostSessions,
                let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key
            {
                entries[oldest] = nil
            }
            entries[ConsoleToken.place(of: name)] = Entry(session: session, lastUse: session.begin)
        }
        return name
    }

    /// The session that a browser shows, if it is not over; it is in use then.
    package func session(_ name: String, at now: Date) -> ConsoleSession? {
        entries.withLock { entries -> ConsoleSession? in
            let place = ConsoleToken.place(of: name)
            guard let entry = entries[place] else { return nil }
            guard !entry.isOver(at: now) else {
                entries[place] = nil
                return nil
            }
            entries[place]?.lastUse = now
            return entry.session
        }
    }

    /// Ends a session.
    package func end(_ name: String) {
        entries.withLock { $0[ConsoleToken.place(of: name)] = nil }
    }

    /// Keeps a sentence for the next page.
    ///
    /// - Parameter isReplacing: Whether it takes the place of one that is there already.
    package func leave(_ notice: String, in name: String, isReplacing: Bool = true) {
        let place = ConsoleToken.place(of: name)
        entries.withLock { entries in
            guard isReplacing || entries[place]?.notice == nil else { return }
            entries[place]?.notice = notice
        }
    }

    /// Takes the sentence that was kept.
    package func takeNotice(of name: String) -> String? {
        entries.withLock { entries in
            let place = ConsoleToken.place(of: name)
            defer { entries[place]?.notice = nil }
            return entries[place]?.notice
        }
    }
}

// MARK: Secrets that are shown for a moment

extension ConsoleSessions {
    /// How many secrets one session keeps: those of forms that were sent at the same time.
    private static let mostSecrets = 4

    /// Keeps the secret of a new access key for the page that shows it, and then forgets it.
    ///
    /// Not only until it is looked at: a page that was on its way when the connection broke has been seen by nobody.
    package func keep(_ accessKey: NewAccessKey, in name: String) {
        let place = ConsoleToken.place(of: name)
        entries.withLock { entries in
            guard let known = entries[place]?.newAccessKeys else { return }
            entries[place]?.newAccessKeys = known.suffix(Self.mostSecrets - 1) + [accessKey]
        }
        Task { [weak self, longestShown, id = accessKey.id] in
            try? await Task.sleep(for: longestShown)
            self?.forget(id, at: place)
        }
    }

    /// What is kept of the access key; nil for another session's, and when its time is over.
    package func newAccessKey(_ id: String, of name: String) -> NewAccessKey? {
        entries.withLock { $0[ConsoleToken.place(of: name)]?.newAccessKeys.first { $0.id == id } }
    }

    private func forget(_ id: String, at place: [UInt8]) {
        entries.withLock { $0[place]?.newAccessKeys.removeAll { $0.id == id } }
    }
}

/// An access key that was just made.
package struct NewAccessKey: Sendable {
    /// The identifier of the access key.
    package let id: String
    /// The user that it is of.
    package let user: String
    /// The secret; zeroed when the last that has it lets go of it.
    package let secret: SecretBytes

    package init(id: String, user: String, secret: SecretBytes) {
        self.id = id
        self.user = user
        self.secret = secret
    }
}

/// What a browser was signed in with.
package struct ConsoleSession: Sendable {
    /// The access key whose secret was shown.
    package let accessKeyID: String
    /// The user, the role or the account that it is of.
    package let owner: String
    /// What came with temporary credentials.
    package let securityToken: String?
    /// What every form must bring back.
    package let formToken: String
    /// The region that the visitor begins in.
    package let home: Region
    /// When the session began.
    package let begin: Date
    /// The forms that were sent lately.
    package let sentForms = SentForms()
    /// The form that is to be shown again.
    let keptForm = KeptFormPlace()

    package init(
        accessKeyID: String, owner: String, securityToken: String?, formToken: String, home: Region, begin: Date
    ) {
        self.accessKeyID = accessKeyID
        self.owner = owner
        self.securityToken = securityToken
        self.formToken = formToken
        self.home = home
        self.begin = begin
    }
}

/// Texts that nobody can guess.
enum ConsoleToken {
    /// 32 random bytes in hexadecimal.
    ///
    /// - Throws: ``CryptoFailure`` when the system has no random bytes.
    static func make() throws(CryptoFailure) -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        let filled = bytes.withUnsafeMutableBytes { buffer in
            Result { () throws(CryptoFailure) in try SystemRandomness().fill(buffer) }
        }
        try filled.get()
        return Hex.encode(bytes)
    }

    /// Where something is kept that goes by a token.
    static func place(of token: String) -> [UInt8] { Digest.sha256(Array(token.utf8)) }

    /// Whether two tokens are the same, in a time that does not depend on where they differ.
    static func areEqual(_ left: String, _ right: String) -> Bool {
        Digest.areEqual(Array(left.utf8), Array(right.utf8))
    }
}
