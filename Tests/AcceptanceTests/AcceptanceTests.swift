import Testing

/// The built server, driven by the programs that people use it with.
///
/// One test at a time: each starts servers and clients of its own, and some measure how long things take.
@Suite(.serialized)
struct AcceptanceTests {}
