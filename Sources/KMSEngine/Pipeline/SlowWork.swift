import Foundation

/// Computations that take from a fifth of a millisecond to seconds: away from the event loops, where they would hold up
/// every other request.
///
/// Each kind has a line of its own: a short one does not wait behind long ones.
package struct SlowWork: Sendable {
    /// Making RSA keys: up to seconds.
    ///
    /// One at a time, and giving way to whoever else wants the processor.
    let keyGeneration = FairLine("key-generation", givingWay: true)
    /// Opening what was wrapped under such a key, and looking whether it is a key: up to a second.
    let unwrapping = FairLine("unwrapping", givingWay: true)
    /// Using key pairs: up to a few milliseconds, on all processors.
    ///
    /// As many results are told together as was best with two threads and two event loops.
    let computation = FairLine(
        "computation", width: ProcessInfo.processInfo.activeProcessorCount, mostWaitingPerAccount: 1024,
        mostTogether: 12)

    /// Looking through all keys of an account: up to seconds with the most that there may be.
    ///
    /// It does not give way: a thread that has to wait for a processor while it holds the directory's lock would hold up
    /// everybody who uses a key.
    let listing = FairLine("listing")

    init() {}

    /// Does nothing more that still waits, for the server is about to end.
    func end() {
        for line in [keyGeneration, unwrapping, computation, listing] { line.end() }
    }
}
