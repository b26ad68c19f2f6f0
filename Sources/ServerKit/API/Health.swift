internal import HTTPTypes
internal import Hummingbird
internal import Metrics
internal import NIOCore

extension Routes {
    func addHealth() {
        // The process is there.
        open(.get, "/healthz") { _ in .plain("ok\n") }
        // It can do its work.
        open(.get, "/readyz") { call in
            do { try await call.plane.store.ping() } catch { throw Problem.unavailable }
            return .plain("ready\n")
        }
        open(.get, "/metrics") { call in
            // Figures about all organizations together are for who runs the server. Elsewhere there is nothing here.
            guard !call.isFromUnknownProxy, let address = call.address,
                call.plane.settings.metricsReaders.contains(where: { $0.contains(address) })
            else { throw Problem.notFound }
            Gauge(label: "pipemason_watchers").record(call.plane.hub.watcherCount)
            return Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: call.plane.settings.metricsText())))
        }
    }
}

extension Response {
    static func plain(_ text: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
