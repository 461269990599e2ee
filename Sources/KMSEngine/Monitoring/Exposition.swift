/// Metrics as Prometheus reads them.
///
/// The packages that this program may use have no exporter for swift-metrics, and that library's own interface looks each
/// metric up by its labels under a lock; so what is counted is in ``Metrics``, and the few lines of the format are here.
///
/// Source: Prometheus, "Exposition formats", text format 0.0.4.
package struct Exposition: Sendable {
    /// What a family of metrics is.
    enum Kind: String {
        case counter, gauge, histogram
    }

    /// The text so far.
    package private(set) var text = ""

    init() {}

    /// Begins a family; its samples follow.
    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    /// A family with one sample, or with none for nil.
    mutating func metric(_ name: String, _ kind: Kind, _ help: String, _ value: (some Numeric & Sendable)?) {
        guard let value else { return }
        family(name, kind, help)
        sample(name, [], value)
    }

    mutating func sample(_ name: String, _ labels: [(String, String)], _ value: some Numeric & Sendable) {
        text += name
        if !labels.isEmpty {
            text += "{"
            text += labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
            text += "}"
        }
        text += " \(value)\n"
    }

    /// The samples of a histogram; times are shown in seconds.
    mutating func histogram(_ name: String, _ labels: [(String, String)], _ histogram: LatencyHistogram) {
        let (cumulative, sum) = histogram.state
        let bounds = LatencyHistogram.bounds.map { "\(Double($0) / 1e9)" } + ["+Inf"]
        for (bound, count) in zip(bounds, cumulative) { sample("\(name)_bucket", labels + [("le", bound)], count) }
        sample("\(name)_sum", labels, Double(sum) / 1e9)
        sample("\(name)_count", labels, cumulative.last ?? 0)
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
