/**
 * A system-call filter for bubblewrap (`--seccomp`): a classic BPF program that refuses what no session needs and what
 * reaches beyond the sandbox: new namespaces and mounts, kernel objects that no limit counts (memfd, System V shared
 * memory), tracing, keys, BPF, io_uring, and sockets of other families than UNIX and IP (vsock knows no namespace).
 * @see Linux, Documentation/userspace-api/seccomp_filter.rst; the list follows flatpak's and Docker's.
 */
const ALLOW = 0x7fff0000
const ERRNO = 0x00050000
const EPERM = 1
const ENOSYS = 38
const EAFNOSUPPORT = 97
const CLONE_NEWUSER = 0x10000000
const SOCKET_FAMILIES = [1, 2, 10]

interface Numbers {
  /** AUDIT_ARCH_*, linux/audit.h. */
  arch: number
  refused: number[]
  clone: number
  clone3: number
  socket: number
  /** System calls from here on belong to another calling convention (x32). */
  foreign?: number
}

/** In both: io_uring_*, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr, memfd_secret. */
const NEWER = [425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 447]

const MACHINES: Partial<Record<NodeJS.Architecture, Numbers>> = {
  x64: {
    arch: 0xc000003e,
    // memfd_create, shmget, shmat, msgget, mq_open, ptrace, process_vm_*, bpf, perf_event_open, userfaultfd,
    // keyctl, add_key, request_key, unshare, setns, mount, umount2, pivot_root, chroot, *_module, kexec_*, quotactl,
    // acct, syslog, *_by_handle_at, uselib
    refused: [
      319,
      29,
      30,
      68,
      240,
      101,
      310,
      311,
      321,
      298,
      323,
      250,
      248,
      249,
      272,
      308,
      165,
      166,
      155,
      161,
      175,
      313,
      176,
      246,
      320,
      179,
      163,
      103,
      303,
      304,
      134,
      ...NEWER,
    ],
    clone: 56,
    clone3: 435,
    socket: 41,
    foreign: 0x40000000,
  },
  arm64: {
    arch: 0xc00000b7,
    refused: [
      279,
      194,
      196,
      186,
      180,
      117,
      270,
      271,
      280,
      241,
      282,
      219,
      217,
      218,
      97,
      268,
      40,
      39,
      41,
      51,
      105,
      273,
      106,
      104,
      294,
      60,
      89,
      116,
      264,
      265,
      ...NEWER,
    ],
    clone: 220,
    clone3: 435,
    socket: 198,
  },
}

const LOAD = 0x20
const JUMP_EQUAL = 0x15
const JUMP_GREATER_EQUAL = 0x35
const JUMP_ANY_BIT = 0x45
const RETURN = 0x06
/** Offsets in `struct seccomp_data`. */
const NUMBER = 0
const ARCH = 4
const FIRST_ARGUMENT = 16

/** The program as the kernel reads it (little-endian `struct sock_filter`s); undefined for a machine that is not known. */
export function seccompFilter(machine: NodeJS.Architecture = process.arch): Buffer | undefined {
  const numbers = MACHINES[machine]
  if (numbers === undefined) return undefined
  const program: [code: number, yes: number, no: number, k: number][] = []
  const refuse = (error: number) => program.push([RETURN, 0, 0, ERRNO | error])
  const refuseIf = (jump: number, k: number, error: number) => {
    program.push([jump, 0, 1, k])
    refuse(error)
  }
  program.push([LOAD, 0, 0, ARCH], [JUMP_EQUAL, 1, 0, numbers.arch])
  refuse(EPERM)
  program.push([LOAD, 0, 0, NUMBER])
  if (numbers.foreign !== undefined) refuseIf(JUMP_GREATER_EQUAL, numbers.foreign, ENOSYS)
  for (const number of numbers.refused) refuseIf(JUMP_EQUAL, number, EPERM)
  // Its flags lie in memory, where no filter sees them; libraries fall back to clone.
  refuseIf(JUMP_EQUAL, numbers.clone3, ENOSYS)
  program.push([JUMP_EQUAL, 0, 4, numbers.clone], [LOAD, 0, 0, FIRST_ARGUMENT])
  refuseIf(JUMP_ANY_BIT, CLONE_NEWUSER, EPERM)
  program.push([RETURN, 0, 0, ALLOW])
  program.push([JUMP_EQUAL, 0, 3 + SOCKET_FAMILIES.length - 1, numbers.socket], [LOAD, 0, 0, FIRST_ARGUMENT])
  for (const [i, family] of SOCKET_FAMILIES.entries()) program.push([JUMP_EQUAL, SOCKET_FAMILIES.length - i, 0, family])
  refuse(EAFNOSUPPORT)
  program.push([RETURN, 0, 0, ALLOW])
  const bytes = Buffer.alloc(program.length * 8)
  for (const [i, [code, yes, no, k]] of program.entries()) {
    bytes.writeUInt16LE(code, i * 8)
    bytes.writeUInt8(yes, i * 8 + 2)
    bytes.writeUInt8(no, i * 8 + 3)
    bytes.writeUInt32LE(k, i * 8 + 4)
  }
  return bytes
}
