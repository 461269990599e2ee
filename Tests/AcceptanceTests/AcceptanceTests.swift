import Testing

/// The built server, driven by the programs that people use it with.
///
/// Each test starts servers and clients of its own. The suites run side by side, because Terraform and some of the
/// scripts mostly wait; within one, tests run one at a time, because some measure how long things take.
@Suite
struct AcceptanceTests {}
