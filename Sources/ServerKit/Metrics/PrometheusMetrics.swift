package import CoreMetrics
internal import Synchronization

/// Metrics in memory, for `/metrics` in Prometheus' text format (version 0.0.4).
///
/// A label and a set of dimensions is one series. Dimensions have few values by our own rule (route, status, outcome), and `capacity`
/// holds even if that rule is broken.
package final class PrometheusMetrics: MetricsFactory, Sendable {
    private struct Name: Hashable {
        let label: String
        let dimensions: String
    }

    private let series = Mutex<[Name: Series]>([:])
    private static let capacity = 5000

    package init() {}

    /// All series, sorted.
    package func text() -> String {
        let all = series.withLock { $0 }.sorted {
            ($0.key.label, $0.key.dimensions) < ($1.key.label, $1.key.dimensions)
        }
        var text = ""
        var last = ""
        for (name, series) in all {
            if name.label != last { text += "# TYPE \(name.label) \(series.kind.rawValue)\n" }
            last = name.label
            text += series.lines(name.label, name.dimensions)
        }
        return text
    }

    private func find(_ label: String, _ dimensions: [(String, String)], _ kind: Series.Kind) -> Series {
        let name = Name(
            label: label,
            dimensions: dimensions.sorted { $0.0 < $1.0 }.map { "\($0.0)=\"\(Self.escape($0.1))\"" }.joined(
                separator: ","))
        return series.withLock { all in
            if let found = all[name], found.kind == kind { return found }
            let new = Series(kind)
            // Beyond the capacity a series counts into the void.
            if all.count < Self.capacity, all[name] == nil { all[name] = new }
            return new
        }
    }

    private static func escape(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.append(character)
            }
        }
        return result
    }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        find(label, dimensions, .counter)
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        find(label, dimensions, aggregate ? .histogram : .gauge)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        find(label, dimensions, .histogram)
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}
}

/// One series: a counter, a gauge, or a histogram of seconds.
private final class Series: CounterHandler, RecorderHandler, TimerHandler, Sendable {
    enum Kind: String, Sendable { case counter, gauge, histogram }

    private struct Values {
        var count: Int64 = 0
        var last: Double = 0
        var sum: Double = 0
        var buckets = [Int64](repeating: 0, count: Series.bounds.count)
    }

    let kind: Kind
    private let values = Mutex(Values())

    /// Upper bounds in seconds.
    static let bounds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    init(_ kind: Kind) { self.kind = kind }

    func increment(by amount: Int64) { values.withLock { $0.count &+= amount } }
    func reset() { values.withLock { $0 = Values() } }
    func record(_ value: Int64) { record(Double(value)) }
    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }

    func record(_ value: Double) {
        values.withLock { values in
            values.count &+= 1
            values.last = value
            values.sum += value
            if let bucket = Self.bounds.firstIndex(where: { value <= $0 }) { values.buckets[bucket] &+= 1 }
        }
    }

    func lines(_ label: String, _ dimensions: String) -> String {
        let values = values.withLock { $0 }
        let braces = dimensions.isEmpty ? "" : "{\(dimensions)}"
        switch kind {
        case .counter: return "\(label)\(braces) \(values.count)\n"
        case .gauge: return "\(label)\(braces) \(values.last)\n"
        case .histogram:
            let comma = dimensions.isEmpty ? "" : dimensions + ","
            var text = ""
            var total: Int64 = 0
            for (bound, count) in zip(Self.bounds, values.buckets) {
                total += count
                text += "\(label)_bucket{\(comma)le=\"\(bound)\"} \(total)\n"
            }
            text += "\(label)_bucket{\(comma)le=\"+Inf\"} \(values.count)\n"
            return text + "\(label)_sum\(braces) \(values.sum)\n\(label)_count\(braces) \(values.count)\n"
        }
    }
}
