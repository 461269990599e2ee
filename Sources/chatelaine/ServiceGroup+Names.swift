import Logging
import ServiceLifecycle
import UnixSignals

extension ServiceGroup {
    /// A group whose services are called by their types where one is at fault.
    ///
    /// The library's other initializers call a service by all that is in it, which is nothing for a log, and takes
    /// milliseconds to say.
    ///
    /// - Parameters:
    ///   - last: One at whose return all others end gracefully; that of any other is a fault.
    ///   - grace: How long they may take for that; nil for as long as they want.
    init(
        _ services: [any Service], until last: (any Service)? = nil, endingAt signals: [UnixSignal] = [],
        within grace: Duration? = nil, logger: Logger
    ) {
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0, serviceName: "\(type(of: $0))") },
            gracefulShutdownSignals: signals, logger: logger)
        if let last {
            configuration.services.append(
                .init(
                    service: last, successTerminationBehavior: .gracefullyShutdownGroup,
                    serviceName: "\(type(of: last))"))
        }
        configuration.maximumGracefulShutdownDuration = grace
        self.init(configuration: configuration)
    }
}
