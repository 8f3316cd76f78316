/* Receives many messages of a ZeroMQ socket in one call; what it promises is said in receiving.py, whose Python way gives the same.

   libzmq is the one that pyzmq has loaded: its functions are looked up in pyzmq's own extension, nothing is linked.

   hatch_build.py compiles it for the stable ABI of Python 3.11 (Py_LIMITED_API), so that what is built once serves every later Python. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

/* As libzmq's header says since 4.1; bind() refuses other versions. */
typedef struct { unsigned char opaque[64]; } __attribute__((aligned(sizeof(void *)))) message;

#define DONTWAIT 1

static struct {
    void (*version)(int *, int *, int *);
    int (*init)(message *);
    int (*recv)(message *, void *, int);
    int (*more)(const message *);
    int (*move)(message *, message *);
    int (*close)(message *);
    void *(*data)(message *);
    size_t (*size)(const message *);
    int (*error)(void);
} zmq;

/* ---- a large frame, where ZeroMQ has received it ------------------------------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    message msg;
} Large;

static void large_dealloc(Large *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    zmq.close(&self->msg);
    PyObject_Free(self);
    Py_DECREF(type);
}

static int large_getbuffer(Large *self, Py_buffer *view, int flags)
{
    return PyBuffer_FillInfo(view, (PyObject *)self, zmq.data(&self->msg), (Py_ssize_t)zmq.size(&self->msg), 1, flags);
}

static PyType_Slot large_slots[] = {
    {Py_tp_dealloc, large_dealloc},
    {Py_bf_getbuffer, large_getbuffer},
    {Py_tp_doc, "The memory of one frame."},
    {0, NULL},
};

static PyType_Spec large_spec = {
    "beamloom.native._core.Large", sizeof(Large), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, large_slots,
};

static PyTypeObject *large_type;

/* The frame as a memoryview; takes the content out of `msg`. */
static PyObject *large_frame(message *msg)
{
    Large *frame = PyObject_New(Large, large_type);
    if (frame == NULL)
        return NULL;
    zmq.init(&frame->msg);
    zmq.move(&frame->msg, msg);
    PyObject *view = PyMemoryView_FromObject((PyObject *)frame);
    Py_DECREF(frame);
    return view;
}

/* ---- receiving ----------------------------------------------------------------------------------------------------------------- */

static int append(PyObject *list, PyObject *item)
{
    if (item == NULL)
        return -1;
    int failed = PyList_Append(list, item);
    Py_DECREF(item);
    return failed;
}

/* The next frame of `socket` into `msg`: 0, or the error of libzmq, or -1 with an exception. */
static int next_frame(message *msg, void *socket)
{
    while (zmq.recv(msg, socket, DONTWAIT) < 0) {
        int error = zmq.error();
        if (error != EINTR)
            return error ? error : EIO;
        if (PyErr_CheckSignals() < 0)
            return -1;
    }
    return 0;
}

/* All frames of the next message, appended to `frames`; returns as next_frame, and leaves what has come of a message that broke off. */
static int next_message(void *socket, message *msg, size_t large, PyObject *frames)
{
    do {
        int error = next_frame(msg, socket);
        if (error)
            return error;
        size_t size = zmq.size(msg);
        PyObject *frame;
        /* Asked before the content is taken out of the message. */
        int more = zmq.more(msg);
        if (size < large)
            frame = PyBytes_FromStringAndSize(zmq.data(msg), (Py_ssize_t)size);
        else
            frame = large_frame(msg);
        if (append(frames, frame) < 0)
            return -1;
        if (!more)
            return 0;
    } while (1);
}

static PyObject *receive(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    if (count != 3) {
        PyErr_SetString(PyExc_TypeError, "receive(socket, most, large)");
        return NULL;
    }
    if (zmq.recv == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "bind() has not found libzmq");
        return NULL;
    }
    void *socket = PyLong_AsVoidPtr(args[0]);
    Py_ssize_t most = PyLong_AsSsize_t(args[1]);
    size_t large = PyLong_AsSize_t(args[2]);
    if (PyErr_Occurred())
        return NULL;

    PyObject *frames = PyList_New(0), *counts = PyList_New(0), *received = NULL;
    message msg;
    zmq.init(&msg);
    int error = frames == NULL || counts == NULL ? -1 : 0;
    while (!error && PyList_Size(counts) < most) {
        Py_ssize_t before = PyList_Size(frames);
        error = next_message(socket, &msg, large, frames);
        if (!error && append(counts, PyLong_FromSsize_t(PyList_Size(frames) - before)) < 0)
            error = -1;
        if (error > 0 && PyList_SetSlice(frames, before, PyList_Size(frames), NULL) < 0)
            error = -1;
    }
    zmq.close(&msg);
    if (error > 0 && error != EAGAIN && PyList_Size(counts) == 0) {
        errno = error;
        PyErr_SetFromErrno(PyExc_OSError);
        error = -1;
    }
    if (error >= 0)
        received = PyTuple_Pack(2, frames, counts);
    Py_XDECREF(frames);
    Py_XDECREF(counts);
    return received;
}

/* ---- finding libzmq ------------------------------------------------------------------------------------------------------------ */

static PyObject *bind(PyObject *module, PyObject *path)
{
    const char *name = PyUnicode_AsUTF8AndSize(path, NULL);
    if (name == NULL)
        return NULL;
    void *library = dlopen(name, RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL) {
        PyErr_Format(PyExc_ImportError, "%s is not loaded", name);
        return NULL;
    }
    const struct { const char *name; void *place; } wanted[] = {
        {"zmq_version", &zmq.version}, {"zmq_msg_init", &zmq.init}, {"zmq_msg_more", &zmq.more},
        {"zmq_msg_move", &zmq.move}, {"zmq_msg_close", &zmq.close}, {"zmq_msg_data", &zmq.data},
        {"zmq_msg_size", &zmq.size}, {"zmq_errno", &zmq.error}, {"zmq_msg_recv", &zmq.recv},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *found = dlsym(library, wanted[i].name);
        if (found == NULL) {
            zmq.recv = NULL;
            PyErr_Format(PyExc_ImportError, "%s has no %s", name, wanted[i].name);
            return NULL;
        }
        memcpy(wanted[i].place, &found, sizeof found);
    }
    int major, minor, patch;
    zmq.version(&major, &minor, &patch);
    if (major != 4 || minor < 1) {
        zmq.recv = NULL;
        PyErr_Format(PyExc_ImportError, "libzmq is %d.%d.%d; 4.1 to 4.x is what this was made for", major, minor, patch);
        return NULL;
    }
    return Py_BuildValue("(iii)", major, minor, patch);
}

static PyMethodDef methods[] = {
    {"bind", bind, METH_O, "Find libzmq in an extension that is loaded; returns its version. Raises ImportError."},
    {"receive", (PyCFunction)(void (*)(void))receive, METH_FASTCALL, "The messages that are there, as in receiving.py. Raises OSError."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "beamloom.native._core", "Receives many messages of a ZeroMQ socket in one call.", -1, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__core(void)
{
    if (large_type == NULL)
        large_type = (PyTypeObject *)PyType_FromSpec(&large_spec);
    return large_type == NULL ? NULL : PyModule_Create(&definition);
}
