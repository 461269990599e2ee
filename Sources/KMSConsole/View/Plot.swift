import KMSEngine

/// Calls of each day as bars, drawn by the server: succeeded, and refused or failed on top of them.
struct Plot: Sendable {
    struct Bar: Sendable {
        let x: Int
        let y: Int
        let height: Int
        let isBad: Bool
    }

    struct Label: Sendable {
        let x: Int
        let text: String
    }

    let title: String
    let width: Int
    let height: Int
    let base: Int
    let barWidth: Int
    let most: String
    let bars: [Bar]
    let labels: [Label]
    /// The same as a table, for those who do not see the picture.
    let days: [Day]
    let hasCalls: Bool

    struct Day: Sendable {
        let date: String
        let succeeded: Int
        let refused: Int
    }

    private static let (top, plotHeight, step, left) = (16, 120, 20, 44)

    /// - Parameter counts: A day each, the earliest first.
    init(_ counts: [AuditTrail.DayCount], of title: String) {
        self.title = title
        let most = max(1, counts.map { $0.succeeded + $0.refused }.max() ?? 0)
        var bars: [Bar] = []
        var labels: [Label] = []
        let base = Self.top + Self.plotHeight
        func size(_ count: Int) -> Int { count == 0 ? 0 : max(1, count * Self.plotHeight / most) }
        for (index, day) in counts.enumerated() {
            let x = Self.left + index * Self.step
            let (good, bad) = (size(day.succeeded), size(day.refused))
            if good > 0 { bars.append(Bar(x: x, y: base - good, height: good, isBad: false)) }
            if bad > 0 { bars.append(Bar(x: x, y: base - good - bad, height: bad, isBad: true)) }
            if index % 7 == 0 { labels.append(Label(x: x, text: String(day.date.dropFirst(5)))) }
        }
        self.bars = bars
        self.labels = labels
        self.base = base
        barWidth = Self.step - 4
        width = Self.left + counts.count * Self.step + 8
        height = base + 24
        self.most = String(most)
        hasCalls = !bars.isEmpty
        days = counts.filter { $0.succeeded + $0.refused > 0 }.map {
            Day(date: $0.date, succeeded: $0.succeeded, refused: $0.refused)
        }
    }
}
