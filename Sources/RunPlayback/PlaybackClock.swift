/// Says when an event of a log is due, while the log is played: at some speed, without long pauses, and stopped and moved by
/// the person who watches.
///
/// All times are microseconds; those of the wall come from the caller. Nothing here waits.
package struct PlaybackClock: Sendable {
    /// The factors that `faster` and `slower` go through.
    package static let speeds: [Double] = [0.25, 0.5, 1, 1.5, 2, 4, 8, 16, 32, 64]

    /// Log time for one unit of wall time; infinite: nothing waits.
    package private(set) var speed: Double
    /// A pause that is longer is cut to this; nil: pauses are what they were.
    package let idleLimit: Int?
    package private(set) var isPaused = false

    /// At `wall` the log stood at `log`.
    private var anchor: (wall: Int, log: Double)
    /// The last event that was asked for.
    private var last: Int

    package init(speed: Double = 1, idleLimit: Int? = nil, at log: Int = 0, wall: Int) {
        precondition(speed > 0, "time goes forward")
        self.speed = speed
        self.idleLimit = idleLimit
        anchor = (wall, Double(log))
        last = log
    }

    /// Announces the next event, so that a long pause before it is cut.
    package mutating func expect(_ log: Int, wall: Int) {
        let gap = log - last
        if let idleLimit, gap > idleLimit { anchor.log += Double(gap - idleLimit) }
        last = max(last, log)
    }

    /// When the announced event is due; nil: not until something changes.
    package func due(_ log: Int) -> Int? {
        if isPaused { return nil }
        guard speed.isFinite else { return anchor.wall }
        let wait = (Double(log) - anchor.log) / speed
        return anchor.wall + Int(min(max(wait, 0), 1e15))
    }

    /// Where the log stands.
    package func position(wall: Int) -> Int {
        let elapsed = isPaused || !speed.isFinite ? 0 : Double(wall - anchor.wall) * speed
        return Int(min(max(anchor.log + elapsed, 0), 9e15))
    }

    package mutating func pause(wall: Int) {
        guard !isPaused else { return }
        anchor = (wall, Double(position(wall: wall)))
        isPaused = true
    }

    package mutating func resume(wall: Int) {
        anchor.wall = wall
        isPaused = false
    }

    /// Goes to a place of the log; what comes before it is due at once.
    package mutating func jump(to log: Int, wall: Int) {
        anchor = (wall, Double(log))
        last = log
    }

    package mutating func faster(wall: Int) { setSpeed(Self.speeds.first { $0 > speed } ?? speed, wall) }
    package mutating func slower(wall: Int) { setSpeed(Self.speeds.last { $0 < speed } ?? speed, wall) }

    private mutating func setSpeed(_ new: Double, _ wall: Int) {
        if !isPaused { anchor = (wall, Double(position(wall: wall))) }
        speed = new
    }
}
