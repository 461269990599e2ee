import KMSAccess
import KMSModel
import Synchronization

/// Policies that were compiled before: most keys of an account have the same, the default one, so that millions of keys in
/// memory share one text and what was made of it.
final class CompiledPolicies: Sendable {
    /// Texts are the same when their bytes are: two spellings of one accented letter are two policies.
    private struct Name: Hashable {
        let text: String
        let partition: Partition

        static func == (left: Name, right: Name) -> Bool {
            left.partition == right.partition && left.text.isSame(as: right.text)
        }

        func hash(into hasher: inout Hasher) {
            hasher.combine(partition)
            var text = text
            text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        }
    }

    /// A policy with its text; every key that has the text should hold this one.
    struct Entry: Sendable {
        let text: String
        let policy: KeyPolicy
    }

    /// How many are kept, and how long their texts are at the most: 4 MiB of texts.
    private static let (capacity, longestText) = (1024, 4096)

    private let entries = Mutex<[Name: Entry]>([:])

    /// The policy that `text` says for keys in `partition`.
    ///
    /// - Throws: What `compile` throws.
    func policy(
        _ text: String, in partition: Partition, _ compile: () throws(PolicyFailure) -> KeyPolicy
    ) throws(PolicyFailure) -> Entry {
        let name = Name(text: text, partition: partition)
        if let known = entries.withLock({ $0[name] }) { return known }
        let made = Entry(text: text, policy: try compile())
        guard text.utf8.count <= Self.longestText else { return made }
        return entries.withLock { entries in
            if let known = entries[name] { return known }
            // Whoever makes policies without end pays for them; those that keys share come again at once.
            if entries.count >= Self.capacity { entries.removeAll() }
            entries[name] = made
            return made
        }
    }
}
