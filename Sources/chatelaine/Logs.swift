import Foundation
import Glibc
import KMSModel
import Logging

/// How the program's log is written.
enum LogFormat: String, CaseIterable {
    case text
    case json
}

extension Logger {
    /// The program's log, on standard error.
    static func chatelaine(_ level: Logger.Level, _ format: LogFormat = .text) -> Logger {
        var logger = Logger(label: "chatelaine") { label -> any LogHandler in
            switch format {
            case .text: StreamLogHandler.standardError(label: label)
            case .json: JSONLogHandler()
            }
        }
        logger.logLevel = level
        return logger
    }
}

/// Writes each entry as one line of JSON: `time`, `level`, `message`, `requestId` when it is about a request, and what else
/// is known in `metadata`.
struct JSONLogHandler: LogHandler {
    /// The metadata that becomes a member of its own.
    private static let requestID = "request-id"

    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        // A full disk, or a reader that is gone, is no reason to end.
        _ = Output.write(line(event), to: STDERR_FILENO)
    }

    /// The entry as it is written; its time is the system's own.
    func line(_ event: LogEvent, at time: Date = Date()) -> [UInt8] {
        var all = metadata
        all.merge(metadataProvider?.get() ?? [:]) { $1 }
        all.merge(event.metadata ?? [:]) { $1 }
        if let error = event.error { all["error"] = "\(error)" }
        let requestID = all.removeValue(forKey: Self.requestID)
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("time")
            writer.string(time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
            writer.name("level")
            writer.string(event.level.rawValue)
            writer.name("message")
            writer.string("\(event.message)")
            if let requestID {
                writer.name("requestId")
                writer.string("\(requestID)")
            }
            guard !all.isEmpty else { return }
            writer.name("metadata")
            writer.object { writer in Self.write(all, to: &writer) }
        }
        writer.lineFeed()
        return writer.bytes
    }

    private static func write(_ metadata: Logger.Metadata, to writer: inout JSONWriter) {
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
            writer.name(escaping: name)
            write(value, to: &writer)
        }
    }

    private static func write(_ value: Logger.MetadataValue, to writer: inout JSONWriter) {
        switch value {
        case .string(let text): writer.string(text)
        case .stringConvertible(let value): writer.string(value.description)
        case .dictionary(let values): writer.object { write(values, to: &$0) }
        case .array(let values): writer.array { writer in for value in values { write(value, to: &writer) } }
        }
    }
}
