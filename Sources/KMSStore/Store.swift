package import KMSModel

/// Where keys, aliases, accounts and settings outlive the process.
///
/// A store sees wrapped bytes only: it can neither read key material nor tell whether it is genuine. Everything is
/// read once, at start; from then on memory answers and the store is only written.
///
/// No call blocks the executor that it is made from, and none gives up half-way when the calling task is cancelled: a
/// caller that goes away must not leave memory and store of different opinions.
package protocol Store: Sendable {
    /// Everything that the store holds, as it was at one moment.
    ///
    /// - Throws: ``StoreError/unavailable(_:)``; ``StoreError/corrupt(_:)``, naming the record, when one cannot be
    ///   understood: a server must not start with less than all of its keys.
    func contents() async throws(StoreError) -> StoreContents

    /// Shows every key and what belongs to keys, as they were at one moment, some thousand records at a time.
    ///
    /// Material and last uses come before or with the key that they are of. Whoever looks at them may still be at it when
    /// the next come.
    ///
    /// - Throws: As ``contents()``; something may have been shown by then.
    func everyKey(_ show: @escaping @Sendable (StoreContents) -> Void) async throws(StoreError)

    /// What the store holds beside keys and what belongs to them: accounts with all that is in them, settings, audit lines.
    ///
    /// - Throws: As ``contents()``.
    func frame() async throws(StoreError) -> StoreContents

    /// At most `limit` keys behind `last`, each with what belongs to it, in the order of account, region and identifier.
    ///
    /// Fewer where there are very many grants on them; none only when there are no more.
    ///
    /// - Throws: As ``contents()``.
    func keys(after last: KeyARN?, limit: Int) async throws(StoreError) -> [StoredKey]

    /// Writes all of `change` or none of it, and returns once it would survive a power cut.
    ///
    /// - Throws: ``StoreError/conflict`` when what is stored is not what the change was made from: nothing is
    ///   written, read again. ``StoreError/undone(_:)`` when the store cannot write at present, and nothing is written;
    ///   ``StoreError/unavailable(_:)`` when all of the change may have been written, or turn up at the next start.
    ///   ``StoreError/corrupt(_:)`` for a date before 1970 or after 9999, which could not be read again.
    func commit(_ change: Change) async throws(StoreError)

    /// Writes everything that the store holds, as it is at one moment, into a new file that a store of this engine can be
    /// opened from.
    ///
    /// Changes wait meanwhile; destroyed secrets are not in it.
    ///
    /// - Parameter path: Where there is no file yet.
    /// - Throws: ``StoreError/unavailable(_:)``; a half of a file may be left then.
    func copy(to path: String) async throws(StoreError)

    /// Looks at everything that is stored for damage: for operators, and for tests.
    ///
    /// - Throws: ``StoreError/corrupt(_:)`` with what was found; ``StoreError/unavailable(_:)``.
    func check() async throws(StoreError)

    /// Finishes the changes under way and lets go of the files; every later call but this is
    /// ``StoreError/unavailable(_:)`` or ``StoreError/undone(_:)``.
    ///
    /// Nothing that was committed depends on this having been called.
    ///
    /// - Throws: ``StoreError/unavailable(_:)``.
    func close() async throws(StoreError)
}

extension Store {
    /// Shows all at once, for stores that are not read as a whole.
    package func everyKey(_ show: @escaping @Sendable (StoreContents) -> Void) async throws(StoreError) {
        show(try await contents())
    }
}
